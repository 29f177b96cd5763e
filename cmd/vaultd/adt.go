package main

import (
	"context"
	"crypto/tls"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/clinivault/clinivault/api/adt"
	"github.com/clinivault/clinivault/vault"
)

// defaultTieDays is for how many days after a discharge a team still treats a patient.
const defaultTieDays = 7

// ADTConfig is the feed of the hospital's patient administration: HL7 v2 ADT messages over MLLP.
type ADTConfig struct {
	// Listen is the address of the feed, host:port. Plain is taken on loopback only.
	Listen string `json:"listen"`
	// TLS is this node's certificate.
	TLS *TLSConfig `json:"tls"`
	// ClientCAFile holds the CA (PEM) of the senders' certificates; with it a certificate is asked for.
	ClientCAFile string `json:"client_ca_file"`
	// Peers are the addresses or networks (CIDR) that may connect; default any with a certificate.
	Peers []string `json:"peers"`
	// Authority is the assigning authority (PID-3.4) of the record numbers that count; default the first of type MR.
	Authority string `json:"authority"`
	// GSRNAuthority is that of the GSRNs on wristbands (none is read without it), NHSAuthority that of NHS numbers; default NHS.
	GSRNAuthority string `json:"gsrn_authority"`
	NHSAuthority  string `json:"nhs_authority"`
	// Teams maps the beginning of a location (PV1-3) or "service:" and a service (PV1-10) to the name of a team.
	Teams map[string]string `json:"teams"`
	// TimeZone is that of times without an offset, such as Europe/Vienna; default UTC.
	TimeZone string `json:"time_zone"`
	// TieDaysAfterDischarge is for how many days after a discharge teams still treat the patient; default 7.
	TieDaysAfterDischarge *int `json:"tie_days_after_discharge"`
	// Ignore lists events (such as A05) that are answered and not looked at.
	Ignore []string `json:"ignore"`
	// Processing lists the processing IDs (MSH-11) that are taken; default P.
	Processing []string `json:"processing"`
}

func (a *ADTConfig) paths() []*string {
	if a == nil {
		return nil
	}
	paths := []*string{&a.ClientCAFile}
	if a.TLS != nil {
		paths = append(paths, &a.TLS.CertFile, &a.TLS.KeyFile)
	}
	return paths
}

func (a *ADTConfig) check() error {
	if a == nil {
		return nil
	}
	if _, _, err := net.SplitHostPort(a.Listen); err != nil {
		return errors.New(`"adt": "listen" must be host:port, such as 127.0.0.1:2575`)
	}
	if a.TLS != nil && (a.TLS.CertFile == "" || a.TLS.KeyFile == "") {
		return errors.New(`"adt": "tls" needs both "cert_file" and "key_file"`)
	}
	if a.TLS == nil && !loopbackAddress(a.Listen) {
		return errors.New(`"adt": away from loopback the feed needs "tls"`)
	}
	if !loopbackAddress(a.Listen) && a.ClientCAFile == "" && len(a.Peers) == 0 {
		return errors.New(`"adt" needs "client_ca_file" or "peers": it does not take messages from anybody`)
	}
	if a.TieDaysAfterDischarge != nil && (*a.TieDaysAfterDischarge < 0 || *a.TieDaysAfterDischarge > 3650) {
		return errors.New(`"adt": "tie_days_after_discharge" must be 0 to 3650`)
	}
	if _, err := a.networks(); err != nil {
		return err
	}
	_, err := a.rules()
	return err
}

func (a *ADTConfig) networks() ([]netip.Prefix, error) {
	var out []netip.Prefix
	for _, text := range a.Peers {
		p, err := netip.ParsePrefix(text)
		if one, single := netip.ParseAddr(text); err != nil && single == nil {
			p, err = netip.PrefixFrom(one, one.BitLen()), nil
		}
		if err != nil {
			return nil, errors.New(`"adt": "peers" must list addresses or networks such as 10.1.2.0/28`)
		}
		out = append(out, p)
	}
	return out, nil
}

func (a *ADTConfig) rules() (adt.Rules, error) {
	zone, err := time.LoadLocation(a.TimeZone)
	if err != nil {
		return adt.Rules{}, errors.New(`"adt": "time_zone" is not known on this machine; name one such as Europe/Vienna`)
	}
	days := defaultTieDays
	if a.TieDaysAfterDischarge != nil {
		days = *a.TieDaysAfterDischarge
	}
	return adt.Rules{Authority: a.Authority, GSRNAuthority: a.GSRNAuthority, NHSAuthority: a.NHSAuthority, Teams: a.Teams, Zone: zone, TieDays: days, Ignore: a.Ignore, Processing: a.Processing}, nil
}

// listener is who may connect, and how.
func (a *ADTConfig) listener() (adt.Listener, error) {
	l := adt.Listener{Address: a.Listen}
	var err error
	if l.Peers, err = a.networks(); err != nil || a.TLS == nil {
		return l, err
	}
	cert, err := tls.LoadX509KeyPair(a.TLS.CertFile, a.TLS.KeyFile)
	if err != nil {
		return l, fmt.Errorf("loading the feed's certificate: %w", err)
	}
	l.TLS = &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{cert}}
	if a.ClientCAFile != "" {
		l.TLS.ClientAuth = tls.RequireAndVerifyClientCert
		l.TLS.ClientCAs, err = readPool(a.ClientCAFile)
	}
	return l, err
}

// openFeed makes the feed that the configuration describes; nil where there is none.
func (c *Config) openFeed(v *vault.Vault, log *slog.Logger) (*adt.Feed, error) {
	if c.ADT == nil {
		return nil, nil
	}
	rules, err := c.ADT.rules()
	if err != nil {
		return nil, err
	}
	return adt.New(adt.Config{Vault: v, Rules: rules, Log: log})
}

// serveFeed listens for the feed, where there is one, and answers in the background until ctx ends.
func (p *parts) serveFeed(ctx context.Context, c *Config, log *slog.Logger, working *sync.WaitGroup) error {
	if p.feed == nil {
		return nil
	}
	l, err := c.ADT.listener()
	if err != nil {
		return err
	}
	open, err := l.Listen(ctx)
	if err != nil {
		return err
	}
	p.feedAddress = open.Addr().String()
	log.Info("taking messages of the patient administration", "address", p.feedAddress, "tls", l.TLS != nil)
	working.Go(func() {
		if err := p.feed.Serve(ctx, l, open); err != nil {
			log.Error("the feed ended", "error", err)
		}
	})
	return nil
}

// redo applies a kept message again.
func (p *parts) redo(ctx context.Context, job *vault.Job) error {
	if p.feed == nil {
		return errors.New("no feed is configured on this node")
	}
	return p.feed.Redo(ctx, job)
}

// adtCommand looks at messages of the feed on the machine itself.
func adtCommand(ctx context.Context, args []string, out io.Writer) error {
	if len(args) == 0 || args[0] != "list" && args[0] != "show" {
		return fmt.Errorf("adt: say list or show; %w", errUsage)
	}
	flags := flag.NewFlagSet("adt "+args[0], flag.ContinueOnError)
	config := flags.String("config", "", "the configuration file")
	id := flags.String("id", "", "the message's ID, as adt list prints it")
	reason := flags.String("reason", "", "why its content is looked at; the log keeps it")
	if err := parse(flags, args[1:]); err != nil {
		return err
	}
	return tend(ctx, *config, out, func(v *vault.Vault) error {
		if args[0] == "show" {
			return showMessage(ctx, v, out, vault.MessageID(*id), *reason)
		}
		all, err := v.Messages(ctx, vault.Operator())
		if err == nil && len(all) == 0 {
			fmt.Fprintln(out, "no message waits")
		}
		for _, m := range all {
			fmt.Fprintf(out, "%s  %s  %s  %s from %s  %s %s %s  tried %d times\n", m.ID, m.ReceivedAt, m.State, m.Event, m.Peer,
				m.ErrorCode, m.ErrorPlace, m.ErrorText, m.Attempts)
		}
		return err
	})
}

// showMessage writes a message with a segment a line, so that a terminal shows it.
func showMessage(ctx context.Context, v *vault.Vault, out io.Writer, id vault.MessageID, reason string) error {
	if id == "" || reason == "" {
		return fmt.Errorf("adt show: name --id and --reason; %w", errUsage)
	}
	m, err := v.ShowMessage(ctx, vault.Operator(), id, reason)
	if err != nil {
		return err
	}
	defer clear(m.Content)
	for _, line := range adt.Lines(m.Content) {
		fmt.Fprintln(out, line)
	}
	return nil
}
