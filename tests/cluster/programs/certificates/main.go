// Command certificates signs X.509 certificates (RFC 5280) for a test cluster: a JSON object on standard input says for
// whom, a JSON object on standard output has certificates and keys as PEM. Without an authority in it, one is made.
package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"os"
	"time"
)

type pair struct {
	Certificate string `json:"certificate"`
	Key         string `json:"key"`
}

type subject struct {
	CommonName    string   `json:"commonName"`
	Organizations []string `json:"organizations"`
	Names         []string `json:"names"`
	Addresses     []string `json:"addresses"`
	Server        bool     `json:"server"`
	Client        bool     `json:"client"`
}

type order struct {
	Authority *pair     `json:"authority"`
	Subjects  []subject `json:"subjects"`
}

type delivery struct {
	Authority pair   `json:"authority"`
	Issued    []pair `json:"issued"`
}

// A test's certificates outlive the test, and little more. Clocks of machines differ: they begin in the past.
const (
	lifetime  = 48 * time.Hour
	beginning = -time.Hour
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "certificates:", err)
		os.Exit(1)
	}
}

func run() error {
	var asked order
	if err := json.NewDecoder(os.Stdin).Decode(&asked); err != nil {
		return fmt.Errorf("standard input is not an order: %w", err)
	}
	authority, parent, key, err := authorityOf(asked.Authority)
	if err != nil {
		return err
	}
	answer := delivery{Authority: authority, Issued: []pair{}}
	for _, who := range asked.Subjects {
		issued, err := issue(who, parent, key)
		if err != nil {
			return fmt.Errorf("%s: %w", who.CommonName, err)
		}
		answer.Issued = append(answer.Issued, issued)
	}
	return json.NewEncoder(os.Stdout).Encode(answer)
}

func authorityOf(given *pair) (pair, *x509.Certificate, *ecdsa.PrivateKey, error) {
	if given == nil {
		return makeAuthority()
	}
	certificateBlock, _ := pem.Decode([]byte(given.Certificate))
	keyBlock, _ := pem.Decode([]byte(given.Key))
	if certificateBlock == nil || keyBlock == nil {
		return pair{}, nil, nil, errors.New("the authority is not PEM")
	}
	certificate, err := x509.ParseCertificate(certificateBlock.Bytes)
	if err != nil {
		return pair{}, nil, nil, err
	}
	key, err := x509.ParseECPrivateKey(keyBlock.Bytes)
	return *given, certificate, key, err
}

func makeAuthority() (pair, *x509.Certificate, *ecdsa.PrivateKey, error) {
	template, err := template("waybill-test-cluster")
	if err != nil {
		return pair{}, nil, nil, err
	}
	template.IsCA = true
	template.KeyUsage = x509.KeyUsageCertSign | x509.KeyUsageCRLSign | x509.KeyUsageDigitalSignature
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return pair{}, nil, nil, err
	}
	signed, err := sign(template, template, key, key)
	if err != nil {
		return pair{}, nil, nil, err
	}
	return authorityOf(&signed)
}

func issue(who subject, parent *x509.Certificate, parentKey *ecdsa.PrivateKey) (pair, error) {
	template, err := template(who.CommonName)
	if err != nil {
		return pair{}, err
	}
	template.Subject.Organization = who.Organizations
	template.KeyUsage = x509.KeyUsageDigitalSignature
	template.DNSNames = who.Names
	for _, text := range who.Addresses {
		address := net.ParseIP(text)
		if address == nil {
			return pair{}, fmt.Errorf("%q is not an address", text)
		}
		template.IPAddresses = append(template.IPAddresses, address)
	}
	if who.Server {
		template.ExtKeyUsage = append(template.ExtKeyUsage, x509.ExtKeyUsageServerAuth)
	}
	if who.Client {
		template.ExtKeyUsage = append(template.ExtKeyUsage, x509.ExtKeyUsageClientAuth)
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return pair{}, err
	}
	return sign(template, parent, key, parentKey)
}

func template(commonName string) (*x509.Certificate, error) {
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
	if err != nil {
		return nil, err
	}
	now := time.Now()
	return &x509.Certificate{
		SerialNumber:          serial,
		Subject:               pkix.Name{CommonName: commonName},
		NotBefore:             now.Add(beginning),
		NotAfter:              now.Add(lifetime),
		BasicConstraintsValid: true,
	}, nil
}

func sign(template, parent *x509.Certificate, key, parentKey *ecdsa.PrivateKey) (pair, error) {
	certificate, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, parentKey)
	if err != nil {
		return pair{}, err
	}
	encodedKey, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		return pair{}, err
	}
	return pair{
		Certificate: string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certificate})),
		Key:         string(pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: encodedKey})),
	}, nil
}
