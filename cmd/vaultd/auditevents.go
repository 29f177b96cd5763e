package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"

	"github.com/clinivault/clinivault/vault"
)

// auditEventsCommand writes an exported log as FHIR R4 AuditEvents, one a line.
func auditEventsCommand(_ context.Context, args []string, out io.Writer) error {
	flags := flag.NewFlagSet("audit-events", flag.ContinueOnError)
	export, err := fileAndFlags(flags, args)
	if err != nil {
		return fmt.Errorf("audit-events: %w; %w", err, errUsage)
	}
	f, err := os.Open(export)
	if err != nil {
		return fmt.Errorf("opening the export: %w", err)
	}
	defer f.Close()
	if _, err := vault.WriteAuditEvents(f, out); err != nil {
		return fmt.Errorf("turning the export into AuditEvents: %w", err)
	}
	return nil
}
