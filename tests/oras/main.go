// Command oras pulls and pushes as the program of this name does, with the library that it is made of: what the program
// adds is reading a command line and drawing progress. Files go into and come out of the folder that it is called in;
// user and password are read from ORAS_USERNAME and ORAS_PASSWORD.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strings"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"oras.land/oras-go/v2"
	"oras.land/oras-go/v2/content/file"
	"oras.land/oras-go/v2/registry/remote"
	"oras.land/oras-go/v2/registry/remote/auth"
	"oras.land/oras-go/v2/registry/remote/retry"
)

const usage = "usage: oras pull REFERENCE | oras push [-artifact-type TYPE] [-annotation KEY=VALUE]... REFERENCE FILE[:TYPE]..."

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "oras:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, parameters []string) error {
	if len(parameters) == 0 {
		return errors.New(usage)
	}
	annotations := map[string]string{}
	flags := flag.NewFlagSet("oras", flag.ContinueOnError)
	artifactType := flags.String("artifact-type", "", "what the artifact is")
	flags.Func("annotation", "key=value of the manifest", func(text string) error {
		key, value, found := strings.Cut(text, "=")
		if !found {
			return errors.New("an annotation is KEY=VALUE")
		}
		annotations[key] = value
		return nil
	})
	if err := flags.Parse(parameters[1:]); err != nil {
		return err
	}
	if flags.NArg() == 0 {
		return errors.New(usage)
	}
	repository, err := repositoryAt(flags.Arg(0))
	if err != nil {
		return err
	}
	folder, err := file.New(".")
	if err != nil {
		return err
	}
	defer folder.Close()
	reference := repository.Reference.Reference
	switch parameters[0] {
	case "pull":
		return told(oras.Copy(ctx, repository, reference, folder, reference, oras.DefaultCopyOptions))
	case "push":
		layers, err := layersOf(ctx, folder, flags.Args()[1:])
		if err != nil {
			return err
		}
		options := oras.PackManifestOptions{Layers: layers, ManifestAnnotations: annotations}
		manifest, err := oras.PackManifest(ctx, folder, oras.PackManifestVersion1_1, *artifactType, options)
		if err != nil {
			return err
		}
		if err := folder.Tag(ctx, manifest, reference); err != nil {
			return err
		}
		return told(oras.Copy(ctx, folder, reference, repository, reference, oras.DefaultCopyOptions))
	}
	return errors.New(usage)
}

func repositoryAt(reference string) (*remote.Repository, error) {
	repository, err := remote.NewRepository(reference)
	if err != nil {
		return nil, err
	}
	repository.PlainHTTP = true
	repository.Client = &auth.Client{
		Client: retry.DefaultClient,
		Cache:  auth.NewCache(),
		Credential: auth.StaticCredential(repository.Reference.Registry, auth.Credential{
			Username: os.Getenv("ORAS_USERNAME"),
			Password: os.Getenv("ORAS_PASSWORD"),
		}),
	}
	return repository, nil
}

func layersOf(ctx context.Context, folder *file.Store, files []string) ([]ocispec.Descriptor, error) {
	layers := make([]ocispec.Descriptor, 0, len(files))
	for _, one := range files {
		path, mediaType, _ := strings.Cut(one, ":")
		layer, err := folder.Add(ctx, path, mediaType, path)
		if err != nil {
			return nil, err
		}
		layers = append(layers, layer)
	}
	return layers, nil
}

// told prints the digest of what went over.
func told(manifest ocispec.Descriptor, err error) error {
	if err == nil {
		fmt.Println(manifest.Digest)
	}
	return err
}
