package vault_test

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/clinivault/clinivault/vault"
	"github.com/clinivault/clinivault/vault/vaulttest"
)

// addJobs puts n jobs of a kind into the table, each a millisecond later.
func addJobs(t *testing.T, b *vaulttest.Bench, kind string, n int) {
	t.Helper()
	at := vaulttest.Start.Add(-time.Minute).UnixMilli()
	var rows []string
	for i := range n {
		rows = append(rows, fmt.Sprintf(`('%s%04d', '%s', 'subject-%04d', 'ready', %d, %d)`,
			strings.ToUpper(kind[:4]), i, kind, i, at+int64(i), at))
	}
	b.Exec(t, `INSERT INTO jobs (id, kind, subject, state, run_at, created_at) VALUES `+strings.Join(rows, ", "))
}

func claim(t *testing.T, v *vault.Vault, lease time.Duration) *vault.Job {
	t.Helper()
	j, err := v.ClaimJob(t.Context(), job, lease)
	if err != nil {
		t.Fatalf("ClaimJob: %v", err)
	}
	return j
}

// TestJobsAreClaimedOnce: eight workers on two nodes get each job once.
func TestJobsAreClaimedOnce(t *testing.T) {
	vaulttest.EachDatabase(t, func(t *testing.T, b *vaulttest.Bench) {
		const jobs, workers = 40, 8
		addJobs(t, b, "process", jobs)
		nodes := []*vault.Vault{b.V, b.Node(t)}
		var mu sync.Mutex
		got := map[string]int{}
		var wg sync.WaitGroup
		for w := range workers {
			wg.Go(func() {
				for {
					j, err := nodes[w%2].ClaimJob(t.Context(), job, time.Minute)
					if err != nil {
						t.Errorf("ClaimJob: %v", err)
						return
					}
					if j == nil {
						return
					}
					mu.Lock()
					got[j.Subject]++
					mu.Unlock()
				}
			})
		}
		wg.Wait()
		if len(got) != jobs {
			t.Errorf("claimed: got %d jobs, want %d", len(got), jobs)
		}
		for subject, n := range got {
			if n != 1 {
				t.Errorf("%s was claimed %d times", subject, n)
			}
		}
	})
}

func TestJobLease(t *testing.T) {
	vaulttest.EachDatabase(t, func(t *testing.T, b *vaulttest.Bench) {
		addJobs(t, b, "process", 2)
		first := claim(t, b.V, time.Minute)
		if first == nil || first.Subject != "subject-0000" || first.Attempts != 1 || first.Kind != vault.JobProcess {
			t.Fatalf("ClaimJob: got %+v, want the oldest, first attempt", first)
		}
		if second := claim(t, b.V, time.Minute); second == nil || second.Subject != "subject-0001" {
			t.Fatalf("ClaimJob: got %+v, want the second", second)
		}
		if third := claim(t, b.V, time.Minute); third != nil {
			t.Fatalf("ClaimJob with both leased: got %+v, want none", third)
		}
		b.Clock.Add(50 * time.Second)
		if err := b.V.RenewJob(t.Context(), job, first, time.Minute); err != nil {
			t.Fatal(err)
		}
		b.Clock.Add(20 * time.Second) // the second's lease is over, the first's is not
		again := claim(t, b.V, time.Minute)
		if again == nil || again.Subject != "subject-0001" || again.Attempts != 2 {
			t.Fatalf("ClaimJob after a lease ran out: got %+v, want the second again", again)
		}
		b.Clock.Add(2 * time.Minute)
		if j := claim(t, b.V, time.Minute); j == nil || j.Subject != first.Subject {
			t.Fatalf("ClaimJob: got %+v, want the first", j)
		}
		for name, err := range map[string]error{
			"RenewJob": b.V.RenewJob(t.Context(), job, first, time.Minute),
			"FailJob":  b.V.FailJob(t.Context(), job, first, errors.New("x"), false),
		} {
			if !errors.Is(err, vault.ErrConflict) {
				t.Errorf("%s with a lost lease: got %v, want ErrConflict", name, err)
			}
		}
	})
}

func TestFailingJobs(t *testing.T) {
	vaulttest.EachDatabase(t, func(t *testing.T, b *vaulttest.Bench) {
		addJobs(t, b, "process", 1)
		pause := 5 * time.Second
		for attempt := 1; attempt <= 8; attempt++ {
			j := claim(t, b.V, time.Minute)
			if j == nil || j.Attempts != attempt {
				t.Fatalf("attempt %d: got %+v", attempt, j)
			}
			if err := b.V.FailJob(t.Context(), job, j, errors.New("receiver is down"), false); err != nil {
				t.Fatal(err)
			}
			b.Clock.Add(pause - time.Second)
			if early := claim(t, b.V, time.Minute); early != nil {
				t.Fatalf("attempt %d: job is due before its pause of %v is over", attempt, pause)
			}
			b.Clock.Add(time.Second)
			pause *= 2
		}
		b.Clock.Add(24 * time.Hour)
		if j := claim(t, b.V, time.Minute); j != nil {
			t.Fatalf("after eight attempts: got %+v, want no job", j)
		}
		dead, err := b.V.DeadJobs(t.Context(), vault.Operator())
		if err != nil || len(dead) != 1 || dead[0].LastError != "receiver is down" || dead[0].Attempts != 8 || dead[0].State != "dead" {
			t.Fatalf("DeadJobs: got %+v, %v", dead, err)
		}
		if err := b.V.RetryJob(t.Context(), vault.Operator(), dead[0].ID); err != nil {
			t.Fatal(err)
		}
		if err := b.V.RetryJob(t.Context(), vault.Operator(), dead[0].ID); !errors.Is(err, vault.ErrConflict) {
			t.Errorf("RetryJob of a job that is ready: got %v, want ErrConflict", err)
		}
		j := claim(t, b.V, time.Minute)
		if j == nil || j.Attempts != 1 {
			t.Fatalf("after RetryJob: got %+v, want attempt 1", j)
		}
		if err := b.V.FailJob(t.Context(), job, j, errors.New("no such patient"), true); err != nil {
			t.Fatal(err)
		}
		counts, err := b.V.JobCounts(t.Context())
		if err != nil || len(counts) != 1 || counts[0] != (vault.JobCount{Kind: "process", State: "dead", Count: 1}) {
			t.Errorf("JobCounts after a permanent failure: got %+v, %v; want one dead", counts, err)
		}
	})
}

// TestJobThatKillsItsWorkerDies: leases that run out count as attempts.
func TestJobThatKillsItsWorkerDies(t *testing.T) {
	b := vaulttest.New(t)
	addJobs(t, b, "process", 1)
	for range 8 {
		if claim(t, b.V, time.Minute) == nil {
			t.Fatal("no job")
		}
		b.Clock.Add(2 * time.Minute)
	}
	if j := claim(t, b.V, time.Minute); j != nil {
		t.Errorf("ninth claim: got %+v, want none", j)
	}
	dead, err := b.V.DeadJobs(t.Context(), vault.Operator())
	if err != nil || len(dead) != 1 || !strings.Contains(dead[0].LastError, "stopped each time") {
		t.Errorf("DeadJobs: got %+v, %v; want the job and why", dead, err)
	}
}

func TestJobsRefuse(t *testing.T) {
	b := vaulttest.New(t)
	admin := b.Person(t, "admin", vault.RoleAdmin)
	doctor := b.Person(t, "doctor", vault.RoleClinician)
	addJobs(t, b, "deliver", 1)
	for _, lease := range []time.Duration{0, -1, 2 * time.Hour} {
		if _, err := b.V.ClaimJob(t.Context(), job, lease); !errors.Is(err, vault.ErrInvalid) {
			t.Errorf("ClaimJob for %v: got %v, want ErrInvalid", lease, err)
		}
	}
	if err := b.V.RetryJob(t.Context(), admin, "NOSUCHJOB"); !errors.Is(err, vault.ErrNotFound) {
		t.Errorf("RetryJob of no job: got %v, want ErrNotFound", err)
	}
	_, claimErr := b.V.ClaimJob(t.Context(), admin, time.Minute)
	_, listErr := b.V.DeadJobs(t.Context(), doctor)
	for name, err := range map[string]error{
		"ClaimJob by an admin":     claimErr,
		"DeadJobs by a clinician":  listErr,
		"RetryJob by a clinician":  b.V.RetryJob(t.Context(), doctor, "DELI0000"),
		"Checkpoint by a person":   b.V.Checkpoint(t.Context(), admin),
		"Sweep by a person":        b.V.Sweep(t.Context(), admin),
		"FailJob by a clinician":   b.V.FailJob(t.Context(), doctor, &vault.Job{ID: "DELI0000"}, nil, true),
		"RenewJob by the operator": b.V.RenewJob(t.Context(), vault.Operator(), &vault.Job{ID: "DELI0000"}, time.Minute),
	} {
		if !errors.Is(err, vault.ErrDenied) {
			t.Errorf("%s: got %v, want ErrDenied", name, err)
		}
	}
}
