// Command web answers every request on :8080 with its host name. "web get URL" prints what a URL answers, so that a pod
// made of nothing but this program can be asked to look around: from its own network, with its cluster's names.
package main

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"time"
)

func main() {
	var err error
	if len(os.Args) == 3 && os.Args[1] == "get" {
		err = get(os.Args[2])
	} else {
		err = serve()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "web:", err)
		os.Exit(1)
	}
}

func serve() error {
	name, err := os.Hostname()
	if err != nil {
		return err
	}
	fmt.Println("web: listening on :8080 as", name)
	return http.ListenAndServe(":8080", http.HandlerFunc(func(response http.ResponseWriter, request *http.Request) {
		fmt.Println("web:", request.Method, request.URL.Path)
		fmt.Fprintln(response, name)
	}))
}

func get(url string) error {
	client := http.Client{Timeout: 10 * time.Second}
	response, err := client.Get(url)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("%s answered %s", url, response.Status)
	}
	_, err = io.Copy(os.Stdout, response.Body)
	return err
}
