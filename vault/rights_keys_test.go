package vault_test

// keyOperations are the rights to the keys of the vault.
var keyOperations = []operation{}
