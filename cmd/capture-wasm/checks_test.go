//go:build !js

package main

import (
	"bytes"
	"context"
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"image/jpeg"
	"math"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	xdraw "golang.org/x/image/draw"

	"github.com/clinivault/clinivault/imaging"
	"github.com/clinivault/clinivault/imaging/train"
)

const checksPolicy = "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; img-src 'self' blob:; connect-src 'self'; media-src 'self' blob:; " +
	"base-uri 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types clinivault-worker"

// checksServer serves the site's own modules under an address like the site's, the module, and pictures.
func checksServer(t *testing.T, pictures [][]byte) *httptest.Server {
	t.Helper()
	wasm, loader := buildModule(t)
	mux := http.NewServeMux()
	mux.Handle("/static/00112233445566778899/", http.StripPrefix("/static/00112233445566778899/", http.FileServer(http.Dir("../../api/web/static"))))
	for path, file := range map[string]string{"/checks.js": "testdata/checks.js", "/wasm_exec.js": loader, "/capture.wasm": wasm} {
		mux.HandleFunc(path, func(w http.ResponseWriter, r *http.Request) { http.ServeFile(w, r, file) })
	}
	mux.HandleFunc("/pictures/{n}", func(w http.ResponseWriter, r *http.Request) {
		if n, err := strconv.Atoi(r.PathValue("n")); err == nil && n < len(pictures) {
			w.Write(pictures[n])
		}
	})
	mux.HandleFunc("/{$}", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		fmt.Fprint(w, `<!doctype html><html lang="en"><title>checks</title><video></video><script type="module" src="/checks.js"></script></html>`)
	})
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Security-Policy", checksPolicy) // a worker has the policy that its script came with
		mux.ServeHTTP(w, r)
	}))
	t.Cleanup(srv.Close)
	return srv
}

func call(t *testing.T, ctx context.Context, address, expression string, out any) {
	t.Helper()
	wait := func(p *runtime.EvaluateParams) *runtime.EvaluateParams { return p.WithAwaitPromise(true) }
	if err := chromedp.Run(ctx, chromedp.Navigate(address), chromedp.Poll("globalThis.ready", nil), chromedp.Evaluate(expression, out, wait)); err != nil {
		t.Fatalf("%s in the browser: %v", expression, err)
	}
}

// examples are real pictures with the thing that each warning is for, and wounds without; at most n of each set.
func examples(t *testing.T, n int) []train.LiveExample {
	t.Helper()
	root := filepath.Join("..", "..", "..", "shared", "data")
	if _, err := os.Stat(filepath.Join(root, "faces")); err != nil {
		t.Skip("SKIPPED: no folder of pictures at ../shared/data: nothing real was looked at")
	}
	all, err := train.LiveExamples(root, train.Report, n)
	if err != nil {
		t.Fatal(err)
	}
	wanted := []string{"wounds/fuseg", "wounds/medetec", "whole", "cut/eye strip", "tattoo/bivtatt", "label/40", "wristband", "blur/4 pixels", "glare", "dark", "far"}
	all = slices.DeleteFunc(all, func(e train.LiveExample) bool { return !slices.Contains(wanted, e.Set) })
	slices.SortStableFunc(all, func(a, b train.LiveExample) int { return slices.Index(wanted, a.Set) - slices.Index(wanted, b.Set) })
	return all
}

func encoded(t *testing.T, img image.Image, quality int) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := jpeg.Encode(&b, img, &jpeg.Options{Quality: quality}); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// onCamera puts a picture into a frame of 640 × 480, with the four bits of its number as squares in the corner.
func onCamera(img *image.RGBA, number int) *image.RGBA {
	out := image.NewRGBA(image.Rect(0, 0, 640, 480))
	draw.Draw(out, out.Rect, image.NewUniform(color.Gray{125}), image.Point{}, draw.Src)
	k := min(640/float64(img.Rect.Dx()), 480/float64(img.Rect.Dy()))
	w, h := int(k*float64(img.Rect.Dx())), int(k*float64(img.Rect.Dy()))
	xdraw.BiLinear.Scale(out, image.Rect((640-w)/2, (480-h)/2, (640-w)/2+w, (480-h)/2+h), img, img.Rect, xdraw.Src, nil)
	for bit := range 4 {
		draw.Draw(out, image.Rect(12*bit, 0, 12*bit+12, 12), image.NewUniform(color.Gray{uint8(60 + 120*(number>>bit&1))}), image.Point{}, draw.Src)
	}
	return out
}

// filmed narrows the levels of a frame to those of video (ITU-R BT.601), which the browser's camera from a file widens again.
func filmed(img *image.RGBA) *image.RGBA {
	for i, v := range img.Pix {
		img.Pix[i] = uint8(16 + int(v)*219/255)
	}
	return img
}

// TestLiveChecks shows a camera that sees a wound, then one real picture with each thing: each is warned of, and the wounds are
// not. Frames a second and the gaps between the viewfinder's frames are printed and not judged, but for a floor.
func TestLiveChecks(t *testing.T) {
	const each, settle = 5, 3400 // seconds a picture is on view; milliseconds until it counts
	var shows []train.LiveExample
	seen := map[string]bool{}
	for _, e := range examples(t, 6) { // the first of each set that the same code, without a browser, tells of
		if seen[e.Set] {
			continue
		}
		img, err := e.Picture()
		if err != nil {
			t.Fatal(err)
		}
		scores := frameScores(t, onCamera(img, 0))
		firm := func(code imaging.LiveCode) bool { return scores[code] >= imaging.LiveFirm }
		if e.Want != "" && !firm(e.Want) || e.Want == "" && slices.ContainsFunc(imaging.LiveCodes, firm) {
			continue
		}
		seen[e.Set] = true
		shows = append(shows, e)
	}
	if len(shows) < 9 {
		t.Fatalf("only %d of 11 sets have a picture that the checks get right", len(shows))
	}
	film, err := os.Create(filepath.Join(t.TempDir(), "camera.mjpeg"))
	if err != nil {
		t.Fatal(err)
	}
	for i, e := range shows {
		img, err := e.Picture()
		if err != nil {
			t.Fatal(err)
		}
		frame := encoded(t, filmed(onCamera(img, i)), 80)
		for range 30 * each {
			if _, err := film.Write(frame); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := film.Close(); err != nil {
		t.Fatal(err)
	}
	ctx, _ := browser(t, chromedp.Flag("use-file-for-fake-video-capture", film.Name()))
	var got struct {
		Violations []string
		Seen       map[string]struct {
			Frames int
			Codes  map[string]int
		}
		Fps, Gaps      []float64
		Off, AfterStop int
		BadBox         any
	}
	srv := checksServer(t, nil)
	call(t, ctx, srv.URL, fmt.Sprintf("watch(%d, %d)", each*len(shows)+6, settle), &got)
	if len(got.Violations) != 0 || got.Off != 0 || got.AfterStop > 1 || got.BadBox != nil {
		t.Errorf("violations %q, off %d, %d frames after the stop, box %v", got.Violations, got.Off, got.AfterStop, got.BadBox)
	}
	for i, e := range shows {
		said := got.Seen[strconv.Itoa(i)]
		t.Logf("%-16s %3d frames, warned of %v", e.Set, said.Frames, said.Codes)
		if said.Frames == 0 {
			continue // the machine was too busy to look at it
		}
		if e.Want != "" && 2*said.Codes[string(e.Want)] < said.Frames {
			t.Errorf("%s: %s was told of in %d of %d frames", e.Set, e.Want, said.Codes[string(e.Want)], said.Frames)
		}
		if e.Want == "" && len(said.Codes) > 0 {
			t.Errorf("%s: warned of %v, want nothing", e.Set, said.Codes)
		}
	}
	if len(got.Seen) < len(shows)/2 {
		t.Errorf("%d of %d pictures were looked at", len(got.Seen), len(shows))
	}
	t.Logf("frames a second: least %.0f, 5 %% of the time under %.0f, usual %.0f; viewfinder gaps in ms: usual %.1f, 95 %% %.1f, 99 %% %.1f, longest %.1f",
		got.Fps[0], got.Fps[1], got.Fps[2], got.Gaps[0], got.Gaps[1], got.Gaps[2], got.Gaps[3])
}

// frameScores runs all checks on a frame as the page makes them.
func frameScores(t *testing.T, img *image.RGBA) map[imaging.LiveCode]float64 {
	t.Helper()
	small := image.NewRGBA(image.Rect(0, 0, imaging.LiveSide, imaging.LiveSide*img.Rect.Dy()/img.Rect.Dx()))
	xdraw.BiLinear.Scale(small, small.Rect, img, img.Rect, xdraw.Src, nil)
	at := image.Rect(0, 0, 256, 256).Add(image.Pt((img.Rect.Dx()-256)/2, (img.Rect.Dy()-256)/2))
	crop := image.NewRGBA(image.Rect(0, 0, 256, 256))
	draw.Draw(crop, crop.Rect, img, at.Min, draw.Src)
	best := map[imaging.LiveCode]float64{}
	for _, check := range []imaging.LiveCheck{imaging.CheckLight, imaging.CheckFace, imaging.CheckLying, imaging.CheckTattoo, imaging.CheckText, imaging.CheckSharp} {
		frame := small
		if check == imaging.CheckSharp {
			frame = crop
		}
		found, err := imaging.Look(frame, check)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range found {
			best[f.Code] = max(best[f.Code], f.Score)
		}
	}
	return best
}

// TestStillChecks has pictures looked at as taken photos in the browser, and prints how often each set gets its warning there.
// What the same code says without a browser, of the same pixels but for the way they are made small, must mostly agree.
func TestStillChecks(t *testing.T) {
	all := examples(t, 3)
	var pictures [][]byte
	for _, e := range all {
		img, err := e.Picture()
		if err != nil {
			t.Fatal(err)
		}
		pictures = append(pictures, encoded(t, onCamera(img, 8), 92))
	}
	pictures = append(pictures, cardPicture(t))
	ctx, _ := browser(t)
	var got struct {
		Violations []string
		Found      []struct {
			Codes     []string
			Sharpness float64
			Scale     *struct {
				PixelsPerMM float64 `json:"pixels_per_mm"`
				Colour      []float64
			}
		}
		Millis []float64
	}
	srv := checksServer(t, pictures)
	call(t, ctx, srv.URL, fmt.Sprintf("stills(%d)", len(pictures)), &got)
	if len(got.Violations) != 0 || len(got.Found) != len(pictures) {
		t.Fatalf("violations %q, %d of %d pictures", got.Violations, len(got.Found), len(pictures))
	}
	right, of, agree, asked := map[string]int{}, map[string]int{}, 0, 0
	for i, e := range all {
		of[e.Set]++
		said := got.Found[i]
		if e.Want == "" && len(said.Codes) == 0 || e.Want != "" && slices.Contains(said.Codes, string(e.Want)) {
			right[e.Set]++
		}
		img, err := jpeg.Decode(bytes.NewReader(pictures[i]))
		if err != nil {
			t.Fatal(err)
		}
		rgba := image.NewRGBA(img.Bounds())
		draw.Draw(rgba, rgba.Rect, img, image.Point{}, draw.Src)
		scores := frameScores(t, rgba)
		for _, code := range imaging.LiveCodes {
			if s := scores[code]; math.Abs(s-imaging.LiveFirm) > 0.1 { // near it the way of making small decides
				asked++
				if (s >= imaging.LiveFirm) == slices.Contains(said.Codes, string(code)) || code == imaging.LiveEyes {
					agree++
				}
			}
		}
		if said.Scale != nil {
			t.Errorf("%s: a scale of %v in a picture without a card", e.Name, said.Scale)
		}
	}
	for set, n := range of {
		t.Logf("%-16s %d of %d right in the browser", set, right[set], n)
	}
	if 100*agree < 95*asked {
		t.Errorf("browser and native code agree in %d of %d", agree, asked)
	}
	if s := got.Found[len(all)].Scale; s == nil || math.Abs(s.PixelsPerMM-8) > 0.1 || len(s.Colour) != 12 {
		t.Errorf("card of 4 pixels a millimetre, in a photo twice as wide: got %+v, want 8", s)
	}
	slices.Sort(got.Millis)
	t.Logf("a taken photo is looked at in %.0f ms, usually; %.0f ms at first", got.Millis[len(got.Millis)/2], got.Millis[len(got.Millis)-1])
}

// cardPicture draws a scale card with 4 pixels a millimetre.
func cardPicture(t *testing.T) []byte {
	t.Helper()
	card := imaging.DrawScaleCard(4)
	img := image.NewRGBA(image.Rect(0, 0, 640, 480))
	draw.Draw(img, img.Rect, image.NewUniform(color.RGBA{200, 160, 140, 255}), image.Point{}, draw.Src)
	draw.Draw(img, card.Rect.Add(image.Pt(200, 60)), card, image.Point{}, draw.Src)
	return encoded(t, img, 95)
}

// TestChecksOff wants it said once that there is nothing to look with, and every warning to have words.
func TestChecksOff(t *testing.T) {
	ctx, _ := browser(t)
	var got struct {
		Said []struct {
			Off     int
			Refused []bool
		}
		Words []struct{ Title, Todo string }
	}
	call(t, ctx, checksServer(t, nil).URL, "without()", &got)
	for i, s := range got.Said {
		if s.Off != 1 || !slices.Equal(s.Refused, []bool{true, true}) {
			t.Errorf("way %d of being without a module: off was said %d times, refused %v; want once, and both", i, s.Off, s.Refused)
		}
	}
	for i, w := range got.Words {
		if w.Title == "" || !strings.HasSuffix(w.Todo, ".") {
			t.Errorf("warning %d has the words %+v", i, w)
		}
	}
	if len(got.Said) != 3 || len(got.Words) != len(imaging.LiveCodes) {
		t.Errorf("got %+v", got)
	}
}
