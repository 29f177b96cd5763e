package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"image"
	"image/jpeg"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"golang.org/x/image/draw"

	"github.com/clinivault/clinivault/vault/vaulttest"
)

// browser is a real Chromium with a fake camera that shows one photograph.
type browser struct {
	t       testing.TB
	ctx     context.Context
	profile string // its whole profile folder
	camera  []byte // the JPEG the camera shows, frame after frame
	stop    func()
	gone    bool     // the process was killed
	faults  []string // console errors and exceptions of the pages
}

// screen is a size at which every page is looked at.
type screen struct {
	name          string
	width, height int64
}

var screens = []screen{{"phone", 390, 844}, {"desktop", 1440, 900}}

// openBrowser starts Chromium on a profile folder, which may have been used before.
func openBrowser(t testing.TB, profile string, photo []byte, more ...chromedp.ExecAllocatorOption) *browser {
	t.Helper()
	path := vaulttest.RequireTool(t, "chromium")
	b := &browser{t: t, profile: profile, camera: cameraFrame(t, photo)}
	video := filepath.Join(t.TempDir(), "camera.mjpeg")
	if err := os.WriteFile(video, bytes.Repeat(b.camera, 8), 0o600); err != nil {
		t.Fatal(err)
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(path), chromedp.UserDataDir(profile), chromedp.NoSandbox,
		chromedp.Flag("use-fake-device-for-media-stream", true),
		chromedp.Flag("use-fake-ui-for-media-stream", true),
		chromedp.Flag("use-file-for-fake-video-capture", video),
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-component-update", true),
		chromedp.Flag("disable-background-networking", true),
		chromedp.WSURLReadTimeout(90*time.Second),
	)
	alloc, stopAlloc := chromedp.NewExecAllocator(t.Context(), append(options, more...)...)
	ctx, stopBrowser := chromedp.NewContext(alloc)
	b.ctx = ctx
	b.stop = sync.OnceFunc(func() {
		if !b.gone {
			_ = chromedp.Cancel(ctx) // waits until the process has gone
		}
		stopBrowser()
		stopAlloc()
	})
	t.Cleanup(b.stop)
	chromedp.ListenTarget(ctx, b.listen)
	if err := chromedp.Run(ctx); err != nil {
		t.Fatalf("starting Chromium: %v", err)
	}
	return b
}

// cameraFrame makes the photograph a frame a camera would give: 4:2:0, 1280×960.
func cameraFrame(t testing.TB, photo []byte) []byte {
	t.Helper()
	img, _, err := image.Decode(bytes.NewReader(photo))
	if err != nil {
		t.Fatal(err)
	}
	frame := image.NewRGBA(image.Rect(0, 0, 1280, 960))
	draw.CatmullRom.Scale(frame, within(frame.Bounds(), img.Bounds()), img, img.Bounds(), draw.Src, nil)
	var out bytes.Buffer
	if err := jpeg.Encode(&out, frame, &jpeg.Options{Quality: 92}); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// within is the largest rectangle of the picture's shape in the middle of the frame.
func within(frame, picture image.Rectangle) image.Rectangle {
	w, h := frame.Dx(), picture.Dy()*frame.Dx()/picture.Dx()
	if h > frame.Dy() {
		w, h = picture.Dx()*frame.Dy()/picture.Dy(), frame.Dy()
	}
	x, y := (frame.Dx()-w)/2, (frame.Dy()-h)/2
	return image.Rect(x, y, x+w, y+h)
}

// listen collects what the pages complain of; answers of 4xx are expected in some steps.
func (b *browser) listen(event any) {
	switch e := event.(type) {
	case *runtime.EventExceptionThrown:
		b.faults = append(b.faults, e.ExceptionDetails.Error())
	case *runtime.EventConsoleAPICalled:
		if e.Type == runtime.APITypeError {
			for _, arg := range e.Args {
				b.faults = append(b.faults, string(arg.Value)+arg.Description)
			}
		}
	}
}

// run performs actions with a deadline; a failure names the step and keeps a picture.
func (b *browser) run(step string, actions ...chromedp.Action) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, 60*time.Second)
	defer cancel()
	if err := chromedp.Run(ctx, actions...); err != nil {
		b.shoot("failed-" + strings.ReplaceAll(step, " ", "-"))
		var text string
		_ = chromedp.Run(b.ctx, chromedp.Evaluate(`document.body ? document.body.innerText.slice(0, 1500) : ''`, &text))
		b.t.Fatalf("%s: %v\npage says: %s\nfaults: %q", step, err, text, b.faults)
	}
}

// until waits until a JavaScript expression is true, over page loads too.
func (b *browser) until(step, expression string) {
	b.t.Helper()
	var err error
	for deadline := time.Now().Add(45 * time.Second); time.Now().Before(deadline); time.Sleep(100 * time.Millisecond) {
		ok := false
		if err = chromedp.Run(b.ctx, chromedp.Evaluate(`!!(`+expression+`)`, &ok)); err == nil && ok {
			return
		}
	}
	b.run(step, chromedp.ActionFunc(func(context.Context) error { return fmt.Errorf("did not come true: %s (%w)", expression, err) }))
}

// still waits until something is on the page and has kept its place for a while, so that a real tap meets it.
func (b *browser) still(selector string) {
	b.t.Helper()
	b.until("in its place: "+selector, fmt.Sprintf(`(() => {
		const r = document.querySelector(%[1]q)?.getBoundingClientRect(), was = globalThis.stood;
		const at = r?.width > 0 ? [%[1]q, r.left, r.top, r.width, r.height, scrollY].join() : '';
		globalThis.stood = { at, times: at && was?.at === at ? was.times + 1 : 0 };
		return globalThis.stood.times >= 3;
	})()`, selector))
}

// value evaluates a JavaScript expression.
func value[T any](b *browser, step, expression string) T {
	b.t.Helper()
	var v T
	b.run(step, chromedp.Evaluate(expression, &v))
	return v
}

// shoot keeps a picture of the page as it is, in .shots of the project.
func (b *browser) shoot(name string) {
	var png []byte
	if err := chromedp.Run(b.ctx, chromedp.CaptureScreenshot(&png)); err != nil {
		b.t.Logf("no picture of %s: %v", name, err)
		return
	}
	dir := filepath.Join(vaulttest.Root(), ".shots")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		b.t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, name+".png"), png, 0o644); err != nil {
		b.t.Fatal(err)
	}
}

// look checks a page at both sizes: a picture for people, no sideways
// scrolling, and axe-core's rules for WCAG 2.2 AA.
func (b *browser) look(name string) {
	b.t.Helper()
	for _, s := range screens {
		b.run("sizing "+name, emulation.SetDeviceMetricsOverride(s.width, s.height, 1, s.name == "phone"), chromedp.Sleep(250*time.Millisecond))
		b.shoot(name + "-" + s.name)
		if wide := value[int](b, "measuring "+name, `document.documentElement.scrollWidth - document.documentElement.clientWidth`); wide > 0 {
			b.t.Errorf("%s at %s: scrolls %d pixels sideways", name, s.name, wide)
		}
		b.accessible(name + " at " + s.name)
	}
	b.run("sizing back", emulation.ClearDeviceMetricsOverride())
}

const axeRun = `axe.run(document, {runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa'], resultTypes: ['violations']})
	.then(r => JSON.stringify(r.violations.map(v => v.id + ': ' + v.nodes.map(n => n.target.join(' ')).slice(0, 3).join(', ') + ' — ' + v.help)))`

func (b *browser) accessible(name string) {
	b.t.Helper()
	axe, err := os.ReadFile(filepath.Join(vaulttest.Root(), "scripts", "node_modules", "axe-core", "axe.min.js"))
	if err != nil {
		b.t.Fatalf("axe-core: %v; scripts/tools.sh installs it", err)
	}
	var report string
	b.run("axe on "+name, chromedp.Evaluate(string(axe)+";0", nil),
		chromedp.Evaluate(axeRun, &report, func(p *runtime.EvaluateParams) *runtime.EvaluateParams { return p.WithAwaitPromise(true) }))
	var violations []string
	if err := json.Unmarshal([]byte(report), &violations); err != nil {
		b.t.Fatal(err)
	}
	for _, v := range violations {
		b.t.Errorf("%s: axe: %s", name, v)
	}
}

// signIn signs in through the page.
func (b *browser) signIn(s *service, role, next string) {
	b.t.Helper()
	a := s.accounts[role]
	b.run("opening sign-in", chromedp.Navigate(s.base+"/sign-in"),
		chromedp.WaitVisible("#login", chromedp.ByQuery),
		chromedp.SendKeys("#login", a.Login, chromedp.ByQuery), chromedp.SendKeys("#password", a.Password, chromedp.ByQuery),
		chromedp.Click("#sign-in button[type=submit]", chromedp.ByQuery))
	b.until("signing in as "+role, `location.pathname !== '/sign-in'`)
	b.run("opening "+next, chromedp.Navigate(s.base+next))
}

func (b *browser) signOut() {
	b.t.Helper()
	b.run("signing out", press(`form[action="/sign-out"] button`))
	b.until("signed out", `location.pathname === '/sign-in'`)
}

// path is a stroke over the picture, from (x, y) in parts of its size, 15 % long.
func (b *browser) path(x, y float64) (points [5][2]float64) {
	b.t.Helper()
	box := value[[]float64](b, "measuring the picture", `(() => { const r = document.querySelector('#picture').getBoundingClientRect(); return [r.x, r.y, r.width, r.height]; })()`)
	for i := range points {
		along := 0.15 * float64(i) / float64(len(points)-1)
		points[i] = [2]float64{box[0] + box[2]*(x+along), box[1] + box[3]*(y+along)}
	}
	return points
}

// drag draws with the mouse.
func (b *browser) drag(x, y float64) {
	b.t.Helper()
	points := b.path(x, y)
	last := len(points) - 1
	actions := []chromedp.Action{input.DispatchMouseEvent(input.MousePressed, points[0][0], points[0][1]).WithButton(input.Left).WithClickCount(1)}
	for _, p := range points[1:] {
		actions = append(actions, input.DispatchMouseEvent(input.MouseMoved, p[0], p[1]).WithButton(input.Left).WithButtons(1))
	}
	b.run("dragging", append(actions, input.DispatchMouseEvent(input.MouseReleased, points[last][0], points[last][1]).WithButton(input.Left).WithClickCount(1))...)
}

// touch draws with one finger.
func (b *browser) touch(x, y float64) {
	b.t.Helper()
	var actions []chromedp.Action
	for i, p := range b.path(x, y) {
		kind := input.TouchMove
		if i == 0 {
			kind = input.TouchStart
		}
		actions = append(actions, input.DispatchTouchEvent(kind, []*input.TouchPoint{{X: p[0], Y: p[1]}}))
	}
	b.run("touching", append(actions, input.DispatchTouchEvent(input.TouchEnd, []*input.TouchPoint{}))...)
}

// answerDialogs accepts leave-page questions, as a person in a hurry would.
func (b *browser) answerDialogs() {
	chromedp.ListenTarget(b.ctx, func(event any) {
		if _, ok := event.(*page.EventJavascriptDialogOpening); ok {
			go func() { _ = chromedp.Run(b.ctx, page.HandleJavaScriptDialog(true)) }()
		}
	})
}

// noFaults fails the test for each error the pages threw.
func (b *browser) noFaults() {
	b.t.Helper()
	for _, f := range b.faults {
		b.t.Errorf("a page complained: %s", fmt.Sprint(f))
	}
}
