package main

import (
	"database/sql"
	"math/rand/v2"
	"os/exec"
	"syscall"
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

// TestWorkersKilled: two nodes that only work are killed in turn, at any moment,
// while captures arrive at a third. What one had in hand another takes up.
func TestWorkersKilled(t *testing.T) {
	dsn := vaulttest.Postgres(t)
	db, err := sql.Open("pgx", dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	config := stackConfig(t, dsn, vaulttest.MinIO(t))
	config["worker"] = false
	r := drillRig(t, config).ready()
	workers := [2]*exec.Cmd{r.worker(), r.worker()}
	l := r.under(3)
	for i := range drillRounds(t, 6) {
		l.more(2)
		time.Sleep(time.Duration(rand.IntN(500)) * time.Millisecond)
		endWorker(workers[i%2])
		passLeases(t, db) // of both: the living one finds its job given to another, and leaves it
		workers[i%2] = r.worker()
		if i%3 == 2 { // a job whose worker dies eight times is given up
			l.processed()
		}
	}
	l.settle("one of two workers killed", 0)
	for _, w := range workers {
		endWorker(w)
	}
}

// worker starts a node that only works, on the service's configuration.
func (r *rig) worker() *exec.Cmd {
	r.t.Helper()
	path, err := binary()
	if err != nil {
		r.t.Fatal(err)
	}
	cmd := exec.Command(path, "work", "--config", r.s.config)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { endWorker(cmd) })
	return cmd
}

func endWorker(cmd *exec.Cmd) {
	if cmd.ProcessState == nil {
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
		_ = cmd.Wait()
	}
}
