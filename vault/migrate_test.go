package vault

import (
	"context"
	"database/sql"
	"path/filepath"
	"slices"
	"testing"
)

// TestMigrateRegions brings a database with the regions of the first schema to this one: no region is lost, and what
// was kept or removed is tied to its proposal.
func TestMigrateRegions(t *testing.T) {
	ctx := context.Background()
	dsn := filepath.Join(t.TempDir(), "vault.db")
	db, err := openDB(driverSQLite, dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	p, err := migrations(driverSQLite, db)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.UpTo(ctx, 1); err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{
		`INSERT INTO people (id, login, name, password_hash, created_at) VALUES ('u', 'u', 'Test Author', '', 1)`,
		`INSERT INTO patients (id, record_number, name, name_search, birth_date, pseudonym, root_version, created_at)
			VALUES ('p', 'n', 'Test Patient', '', '', 'x', 1, 1)`,
		`INSERT INTO photos (id, capture_id, patient, author, device, body_site, laterality, state, taken_at, received_at,
			envelope_digest, envelope_size, receipt, sealed_facts) VALUES ('f', 'c', 'p', 'u', '', '', '', 'approved', 1, 1, '', 0, '', '')`,
	} {
		if _, err := db.ExecContext(ctx, text); err != nil {
			t.Fatal(err)
		}
	}
	for _, r := range []struct {
		id      string
		version int
		x       int
		source  string
		fate    string
	}{{"a", 2, 0, "d", "proposed"}, {"b", 2, 50, "d", "proposed"}, {"c", 2, 90, "d", "proposed"},
		{"ka", 3, 0, "d", "kept"}, {"mb", 3, 55, "person", "moved"}, {"rc", 3, 90, "d", "removed"}, {"n", 3, 120, "person", "added"}} {
		_, err := db.ExecContext(ctx, `INSERT INTO regions (id, photo, version, kind, x0, y0, x1, y1, score, source, fate)
			VALUES ($1, 'f', $2, 'face', $3, 0, 200, 40, 0.25, $4, $5)`, r.id, r.version, r.x, r.source, r.fate)
		if err != nil {
			t.Fatal(err)
		}
	}
	if from, to, err := Migrate(ctx, driverSQLite, dsn); err != nil || from != 1 || to < 2 {
		t.Fatalf("migrated from %d to %d, %v", from, to, err)
	}
	got, err := list(ctx, db, func(rows *sql.Rows) (string, error) {
		var id, proposal, model, fate string
		err := rows.Scan(&id, &proposal, &model, &fate)
		return id + " " + fate + " of " + proposal + model, err
	}, `SELECT id, proposal, model, fate FROM regions WHERE score = 0.25 AND y1 = 40 ORDER BY id`)
	want := []string{"a proposed of ", "b proposed of ", "c proposed of ", "ka kept of a", "mb moved of ", "n added of ", "rc removed of c"}
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("got %q, %v, want %q", got, err, want)
	}
	if _, err := db.ExecContext(ctx, `INSERT INTO regions (id, photo, version, kind, x0, y0, x1, y1, score, source, fate)
		VALUES ('z', 'f', 4, 'face', 0, 0, 1, 1, 0.1, 'd', 'forgotten')`); err == nil {
		t.Error("a fate that nobody knows is taken")
	}
	var indexed int
	if err := db.QueryRowContext(ctx, `SELECT count(*) FROM sqlite_schema WHERE name = 'regions_by_photo'`).Scan(&indexed); err != nil || indexed != 1 {
		t.Errorf("%d indexes on regions, %v, want 1", indexed, err)
	}
}
