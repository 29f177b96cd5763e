package vault_test

// lifeOperations are the rights to consent, holds, retention, erasure and recall.
var lifeOperations = []operation{}
