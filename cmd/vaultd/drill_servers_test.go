package main

import (
	"testing"
	"time"

	"github.com/clinivault/clinivault/vault/vaulttest"
)

func smallPicture(t testing.TB) []byte {
	t.Helper()
	return vaulttest.Picture(t, 96, 64, 7)
}

// TestDatabaseRestarted: PostgreSQL crashes and comes back, twice, while
// captures arrive. Nobody does anything about the service.
func TestDatabaseRestarted(t *testing.T) {
	server, dsn := vaulttest.PostgresServer(t)
	r := drillRig(t, stackConfig(t, dsn, vaulttest.MinIO(t))).ready()
	l := r.under(3)
	l.more(5)
	var recovered time.Duration
	for range drillRounds(t, 2) {
		server.Crash()
		l.refused(3)
		server.Start()
		recovered = max(recovered, l.more(1))
		l.more(5)
	}
	l.settle("PostgreSQL crashed and restarted", recovered)
}

// TestStoreKilled: MinIO is killed and comes back, twice, while captures arrive.
func TestStoreKilled(t *testing.T) {
	servers, store := vaulttest.MinIOServers(t, 1)
	r := drillRig(t, stackConfig(t, vaulttest.Postgres(t), store)).ready()
	l := r.under(3)
	l.more(5)
	var recovered time.Duration
	for range drillRounds(t, 2) {
		servers[0].Kill()
		l.refused(3)
		servers[0].Start()
		recovered = max(recovered, l.more(1))
		l.more(5)
	}
	l.settle("MinIO killed and restarted", recovered)
}

// TestStoreNodeKilled: of a MinIO of four nodes one is killed while captures
// arrive; they go on arriving. It comes back, and another is killed.
func TestStoreNodeKilled(t *testing.T) {
	servers, store := vaulttest.MinIOServers(t, 4)
	r := drillRig(t, stackConfig(t, vaulttest.Postgres(t), store)).ready()
	l := r.under(3)
	l.more(5)
	var recovered time.Duration
	for i := range drillRounds(t, 2) {
		victim := servers[1+i%3] // the first is the one that the vault speaks to
		victim.Kill()
		recovered = max(recovered, l.more(1))
		l.more(10)
		victim.Start()
		l.more(5)
	}
	l.settle("one of four MinIO nodes killed", recovered)
}
