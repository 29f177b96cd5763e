package vault_test

// backupOperations are the rights to backups.
var backupOperations = []operation{}
