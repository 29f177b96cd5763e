//go:build !(js && wasm)

package main

import (
	"fmt"
	"os"
)

func main() {
	fmt.Fprintln(os.Stderr, "capture-wasm runs in a browser: make wasm builds it")
	os.Exit(2)
}
