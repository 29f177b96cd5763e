package vaulttest

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// FHIR returns the base address of a FHIR R4 server in memory (Medplum's
// router, scripts/fhir-server.mjs), shared by the tests of the package.
func FHIR(t testing.TB) string {
	t.Helper()
	return shared(t, "fhir", startFHIR)
}

func startFHIR(string) (string, func(), error) {
	node, err := Tool("node")
	if err != nil {
		return "", nil, err
	}
	scripts := filepath.Join(Root(), "scripts")
	if _, err := os.Stat(filepath.Join(scripts, "node_modules", "@medplum", "fhir-router")); err != nil {
		return "", nil, fmt.Errorf("@medplum/fhir-router: %w", errMissing)
	}
	port, err := freePort()
	if err != nil {
		return "", nil, err
	}
	p, err := spawn(exec.Command(node, filepath.Join(scripts, "fhir-server.mjs"), fmt.Sprint(port)))
	if err != nil {
		return "", nil, err
	}
	base := fmt.Sprintf("http://127.0.0.1:%d/fhir/R4", port)
	return base, p.stop, p.await(func() error { return answers(base + "/Patient?_id=none") })
}

// Orthanc returns the root address of a real Orthanc; DICOMweb is below it at
// /dicom-web. Orthanc 1.10 listens on all addresses, so it runs in a network
// namespace of its own, reached through a socket in the file system.
func Orthanc(t testing.TB) string {
	t.Helper()
	return shared(t, "orthanc", startOrthanc)
}

const orthancInside = `ip link set lo up && socat UNIX-LISTEN:"$1",fork TCP:127.0.0.1:8042 & exec "$2" "$3"`

func startOrthanc(dir string) (string, func(), error) {
	orthanc, err := Tool("Orthanc", "/usr/sbin/Orthanc")
	if err != nil {
		return "", nil, err
	}
	for _, needed := range []string{"unshare", "socat", "ip"} {
		if _, err := Tool(needed, "/usr/sbin/"+needed, "/sbin/"+needed); err != nil {
			return "", nil, err
		}
	}
	config, socket := filepath.Join(dir, "orthanc.json"), filepath.Join(dir, "http.sock")
	if err := writeOrthancConfig(config, dir); err != nil {
		return "", nil, err
	}
	isolate := "-npf"
	if os.Getuid() != 0 {
		isolate = "-rnpf"
	}
	p, err := spawn(exec.Command("unshare", isolate, "--kill-child=KILL", "sh", "-c", orthancInside, "sh", socket, orthanc, config))
	if err != nil {
		return "", nil, err
	}
	outside, err := forward(socket)
	if err != nil {
		p.stop()
		return "", nil, err
	}
	base := "http://" + outside.Addr().String()
	stop := func() { // unshare holds back SIGTERM; its death takes the namespace with it
		outside.Close()
		_ = p.cmd.Process.Kill()
		<-p.done
	}
	return base, stop, p.await(func() error { return answers(base + "/dicom-web/studies") })
}

func writeOrthancConfig(file, dir string) error {
	plugins, err := filepath.Glob("/usr/share/orthanc/plugins/libOrthancDicomWeb.so")
	if err != nil || len(plugins) == 0 {
		return fmt.Errorf("orthanc-dicomweb: %w", errMissing)
	}
	text, err := json.Marshal(map[string]any{
		"Name": "clinivault-test", "StorageDirectory": filepath.Join(dir, "storage"), "IndexDirectory": filepath.Join(dir, "storage"),
		"Plugins": plugins, "HttpPort": 8042, "DicomServerEnabled": false, "RemoteAccessAllowed": false,
		"AuthenticationEnabled": false, "DicomWeb": map[string]any{"Enable": true, "Root": "/dicom-web/"},
	})
	if err != nil {
		return err
	}
	return os.WriteFile(file, text, 0o600)
}

// forward listens on a free loopback port and passes each connection to the socket.
func forward(socket string) (net.Listener, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	go func() {
		for {
			in, err := l.Accept()
			if err != nil {
				return
			}
			go pipe(in, socket)
		}
	}()
	return l, nil
}

func pipe(in net.Conn, socket string) {
	defer in.Close()
	out, err := net.Dial("unix", socket)
	if err != nil {
		return
	}
	defer out.Close()
	done := make(chan struct{})
	go func() {
		_, _ = io.Copy(out, bufio.NewReader(in))
		_ = out.(*net.UnixConn).CloseWrite()
		close(done)
	}()
	_, _ = io.Copy(in, out)
	_ = in.(*net.TCPConn).CloseWrite()
	<-done
}

func answers(address string) error {
	resp, err := http.Get(address)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode >= 500 || strings.HasPrefix(resp.Header.Get("Content-Type"), "text/html") {
		return fmt.Errorf("answers %d", resp.StatusCode)
	}
	return nil
}
