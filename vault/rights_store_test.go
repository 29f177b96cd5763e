package vault_test

// storeOperations are the rights to checking the store.
var storeOperations = []operation{}
