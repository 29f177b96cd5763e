package vault_test

// logOperations are the rights to witnesses of the log.
var logOperations = []operation{}
