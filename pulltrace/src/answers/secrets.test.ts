import { describe, expect, it } from "vitest";
import { withoutSecrets } from "./secrets.ts";

const secret = "s3cr3ts3cr3t";
const long = (characters: number) => "x".repeat(characters);

describe("a text without secrets", () => {
  it.each([
    `Get "https://bob:${secret}@registry.example/v2/": EOF`,
    `https://${long(5_000)}:${secret}@registry.example/v2/`,
    `https://one.example/x,https://bob:${secret}@two.example/y`,
    `https:\\/\\/bob:${secret}@registry.example\\/x`,
    `Get "https://blobs.example/x?X-Amz-Expires=60&X-Amz-Signature=${secret}": EOF`,
    `https://blobs.example/x?${long(10_000)}&sig=${secret}`,
    `https://blobs.example/${long(10_000)}?sig=${secret}`,
    `https://blobs.example/x?note=it's&sig=${secret}`,
    `https://blobs.example/x%3Fsig%3D${secret}`,
    `https://blobs.example/x?${secret}`,
    `/v2/team/a/blobs/sha256:ab?sig=${secret}`,
    `//blobs.example/x?sig=${secret}`,
    `X-Amz-Credential=${secret}&X-Amz-Security-Token=${secret}&X-Goog-Signature=${secret}`,
    `sv=2024&sig=${secret}`,
    `Authorization: Bearer ${secret}`,
    `Authorization: token ${secret}`,
    `Authorization: ${secret}`,
    `Proxy-Authorization: Basic ${secret}`,
    `map[Authorization:[Bearer ${secret}]]`,
    `{"headers":{"Authorization":["Bearer ${secret}"]}}`,
    `X-Registry-Auth: ${secret}`,
    `Set-Cookie: sid=${secret}; Path=/`,
    `bearer\t${secret}`,
    `{"token":"${secret}","access_token": "${secret}","identitytoken":"${secret}"}`,
    `{\\"token\\":\\"${secret}\\"}`,
    `{"auths":{"registry.example":{"auth":"${secret}"}}}`,
    `{"username":"bob","password":"${secret}"}`,
    `password: ${secret}`,
    `refresh_token: ${secret}`,
    `client_secret=${secret} api_key=${secret} apikey=${secret}`,
    `AWSSecretAccessKey=${secret} secret_access_key = ${secret}`,
    `token%3D${secret}`,
    `eyJ${long(6_000)}.${long(9_000)}.${secret}`,
    `ghp_${secret}abcdefgh dckr_pat_${secret}abcdefgh glpat-${secret}abcdefgh`,
  ])("has none of %s", (text) => {
    expect(text).toContain(secret);
    expect(withoutSecrets(text)).not.toContain(secret);
  });

  it.each([
    `failed to fetch oauth token: unexpected status from GET request to https://auth.example/token: 401 Unauthorized`,
    "no basic auth credentials",
    `docker://registry.example/team/a@sha256:${"a".repeat(64)}`,
    "registry.example:5000/team/a:v1",
    "Why? Nobody knows.",
    'failed to resolve reference "registry.example/a:1": unexpected status code 429',
  ])("says all that gives no access: %s", (text) => {
    expect(withoutSecrets(text)).toBe(text);
  });

  it("stays what it is when it is masked again, and says of whom it speaks", () => {
    const text = withoutSecrets(`Get "https://bob:${secret}@blobs.example:8443/x?sig=${secret}": password=${secret}`);
    expect(text).toBe('Get "https://blobs.example:8443/x": password=(hidden)');
    expect(withoutSecrets(text)).toBe(text);
  });

  it("is made in time that grows with the text, whatever is in it", () => {
    const pieces = ["https://", "?", "?a", "eyJ-", "eyJ.", "token=", "://", "bearer ", "authorization: ", "%3f", "\\"];
    for (const piece of pieces) {
      const hostile = piece.repeat(500_000);
      const begun = process.cpuUsage().user;
      withoutSecrets(hostile);
      // Some tenths of a second; where time grew with the square it would be hours.
      expect([piece, process.cpuUsage().user - begun < 20_000_000]).toEqual([piece, true]);
    }
  });
});
