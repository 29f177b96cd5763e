package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/clinivault/clinivault/api"
	"github.com/clinivault/clinivault/vault"
)

// accessCommand answers who may do what: for one person and act, as the whole table, and as the quarter's report.
func accessCommand(ctx context.Context, args []string, out io.Writer) error {
	if len(args) == 0 {
		return fmt.Errorf("access: say explain, table or report; %w", errUsage)
	}
	switch args[0] {
	case "explain":
		return accessExplain(ctx, args[1:], out)
	case "table":
		return api.WriteRights(out)
	case "report":
		return accessReport(ctx, args[1:], out)
	}
	return fmt.Errorf("access: there is no such command; %w", errUsage)
}

func accessExplain(ctx context.Context, args []string, out io.Writer) error {
	flags := flag.NewFlagSet("access explain", flag.ContinueOnError)
	config := flags.String("config", "", "the configuration file")
	var q vault.Question
	flags.StringVar(&q.Login, "person", "", "login of the person")
	flags.StringVar(&q.Patient, "patient", "", "record number or ID of the patient")
	photo := flags.String("photo", "", "ID of the photo")
	flags.StringVar(&q.Act, "act", "", "the act, as `vaultd access table` names it")
	asJSON := flags.Bool("json", false, "answer as JSON")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if *config == "" || q.Login == "" || q.Act == "" {
		return fmt.Errorf("access explain: --config, --person and --act are needed; %w", errUsage)
	}
	q.Photo = vault.PhotoID(*photo)
	return tend(ctx, *config, out, func(v *vault.Vault) error {
		e, err := v.Explain(ctx, vault.Operator(), q)
		if err != nil {
			return inWords(err)
		}
		if *asJSON {
			return json.NewEncoder(out).Encode(e)
		}
		return printExplanation(out, e)
	})
}

func printExplanation(out io.Writer, e vault.Explanation) error {
	verdict, why := "denied", e.Missing
	if e.Allowed {
		verdict, why = "allowed", e.Why
	}
	roles := make([]string, len(e.Roles))
	for i, r := range e.Roles {
		roles[i] = string(r)
	}
	_, err := fmt.Fprintf(out, "%s\n\n%s (%s; roles: %s) and %s:\n  %s\n\nBesides:\n  %s\n", verdict, e.PersonName, e.Login,
		strings.Join(roles, ", "), e.Act, strings.Join(why, "\n  "), strings.Join(e.Also, "\n  "))
	return err
}

// inWords gives what the vault says to people, where it says something.
func inWords(err error) error {
	var told interface{ Sentence() string }
	if errors.As(err, &told) && told.Sentence() != "" {
		return fmt.Errorf("%s", told.Sentence())
	}
	return err
}

func accessReport(ctx context.Context, args []string, out io.Writer) error {
	flags := flag.NewFlagSet("access report", flag.ContinueOnError)
	config := flags.String("config", "", "the configuration file")
	quarter := flags.String("quarter", vault.Quarter(time.Now()), "such as 2026Q4")
	file := flags.String("csv", "", "write the whole table to this file")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if *config == "" {
		return fmt.Errorf("access report: --config is needed; %w", errUsage)
	}
	return tend(ctx, *config, out, func(v *vault.Vault) error {
		r, err := v.AccessReport(ctx, vault.Operator(), *quarter)
		if err != nil {
			return inWords(err)
		}
		if *file != "" {
			if err := os.WriteFile(*file, r.CSV(), 0o600); err != nil {
				return fmt.Errorf("writing the report: %w", err)
			}
		}
		return printReport(out, r)
	})
}

func printReport(out io.Writer, r vault.AccessReport) error {
	w := tabwriter.NewWriter(out, 0, 4, 2, ' ', 0)
	fmt.Fprintf(w, "access %s\n\nlogin\tstate\troles\tlast used\tties\tteams\tgiven\theld\tbreak-glass\n", r.Quarter)
	for _, p := range r.People {
		var roles []string
		for _, h := range p.Roles {
			roles = append(roles, string(h.Role)+" ("+h.Source+")")
		}
		state, last := p.State, "never"
		if p.Dormant {
			state += ", dormant"
		}
		if p.LastUsed != 0 {
			last = p.LastUsed.Std().Format("2006-01-02")
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%d\t%d\t%d\t%d\t%d\n", p.Login, state, strings.Join(roles, ", "), last, p.DirectTies, p.Teams,
			p.DelegationsGiven, p.DelegationsHeld, p.BreakGlass)
	}
	fmt.Fprintf(w, "\nbreak-glass accesses without a review: %d\nleavers with live rights: %d\n", r.OpenReviews, len(r.Leavers))
	for _, l := range r.Leavers {
		fmt.Fprintf(w, "  %s: %d × %s\n", l.Login, l.Count, l.Kind)
	}
	for _, s := range r.Signed {
		fmt.Fprintf(w, "signed by %s on %s\n", s.SignedByName, s.SignedAt.Std().Format("2006-01-02"))
	}
	return w.Flush()
}
