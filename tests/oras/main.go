// The oras program, built from its module: what it does at its command line is what is tested.
package main

import (
	"os"

	"oras.land/oras/cmd/oras/root"
)

func main() {
	if root.New().Execute() != nil {
		os.Exit(1)
	}
}
