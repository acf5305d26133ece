/** A certificate for localhost that nobody trusts: its key is here for all to read. */
export const certificate = {
  key: `-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgWreddwmNnt1knYMD
fMt1zF5XKXzn1313iCdtOja7Rk2hRANCAAT8phuQLQhb3gfFwu7+960u5xpE7TfW
IvUEGEA2eqo+XdX/XdoicJMnbnymddM/HdFpT1tY4armnH+ZIeR4LnCv
-----END PRIVATE KEY-----`,
  cert: `-----BEGIN CERTIFICATE-----
MIIBmzCCAUGgAwIBAgIUNu+dO36elvN45Fe4FRwJzwHFYpYwCgYIKoZIzj0EAwIw
FDESMBAGA1UEAwwJbG9jYWxob3N0MCAXDTI2MTEyMzIzMTIzMFoYDzIxMjYxMDMw
MjMxMjMwWjAUMRIwEAYDVQQDDAlsb2NhbGhvc3QwWTATBgcqhkjOPQIBBggqhkjO
PQMBBwNCAAT8phuQLQhb3gfFwu7+960u5xpE7TfWIvUEGEA2eqo+XdX/XdoicJMn
bnymddM/HdFpT1tY4armnH+ZIeR4LnCvo28wbTAdBgNVHQ4EFgQUiepLKjuB6adk
JTAnFCyZVpc5rlQwHwYDVR0jBBgwFoAUiepLKjuB6adkJTAnFCyZVpc5rlQwDwYD
VR0TAQH/BAUwAwEB/zAaBgNVHREEEzARgglsb2NhbGhvc3SHBH8AAAEwCgYIKoZI
zj0EAwIDSAAwRQIhAN+IQj+hyLniyBAvcp8Zx0hMVxjEWKrpMSWTTNyd9g89AiBV
Zd6KFfdwz4jcqgNjYG641C6qVi/ukpmRbBLMX5ItGw==
-----END CERTIFICATE-----`,
};
