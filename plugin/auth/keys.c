/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * Key sets from JWK Set and PEM files. Loading blocks on the file; the finished set is immutable, any thread.
 * Whatever is wrong with one key ends as a note about it: a provider that publishes a new kind of key must not lock everyone out. */
#include "plugin/auth/keys.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "plugin/auth/jwk.h"
#include "plugin/auth/printable.h"

/* ---- the set ---- */

static void note(struct key_set *set, size_t number, const char *kid, const char *what)
{
	char shown[PRINTABLE_SIZE];
	struct buf line = BUF_EMPTY;
	buf_printf(&line, "key %zu", number);
	if (kid)
		buf_printf(&line, " (kid %s)", printable(shown, kid));
	buf_printf(&line, ": %s", what);
	set->notes = mem_grow(set->notes, (set->note_count + 1) * sizeof *set->notes);
	set->notes[set->note_count++] = line.data;
}

/* A signature by a private part that is not the public one's would be refused by everybody, for no visible reason. */
static bool is_pair(EVP_PKEY *pkey)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(NULL, pkey, NULL);
	bool pair = EVP_PKEY_is_a(pkey, "HMAC") || (ctx != NULL && EVP_PKEY_pairwise_check(ctx) == 1);
	EVP_PKEY_CTX_free(ctx);
	return pair;
}

/* Takes pkey over. alg NULL: its type's default. */
static void add(struct key_set *set, size_t number, const char *kid, const struct alg *alg, EVP_PKEY *pkey, enum key_use use)
{
	struct error why;
	if (alg == NULL)
		alg = alg_default(pkey);
	if (alg == NULL) {
		note(set, number, kid, "not used: no algorithm for this type of key");
	} else if (!alg_fits(alg, pkey, &why)) {
		note(set, number, kid, why.text);
	} else if (use == KEY_SIGN && !is_pair(pkey)) {
		note(set, number, kid, "private and public part do not belong together");
	} else if (set->key_count == KEYS_MAX) {
		note(set, number, kid, "not used: the set is full");
	} else {
		set->keys = mem_grow(set->keys, (set->key_count + 1) * sizeof *set->keys);
		set->keys[set->key_count++] = (struct key){.alg = alg, .kid = mem_text(kid), .pkey = pkey};
		return;
	}
	EVP_PKEY_free(pkey);
}

void key_set_free(struct key_set *set)
{
	if (set == NULL)
		return;
	for (size_t i = 0; i < set->key_count; i++) {
		free(set->keys[i].kid);
		EVP_PKEY_free(set->keys[i].pkey);
	}
	for (size_t i = 0; i < set->note_count; i++)
		free(set->notes[i]);
	free(set->keys);
	free(set->notes);
	free(set);
}

static bool is_for(const struct key *key, const char *const *algs, size_t alg_count)
{
	for (size_t i = 0; i < alg_count; i++)
		if (strcmp(algs[i], key->alg->name) == 0)
			return true;
	return false;
}

bool key_set_has(const struct key_set *set, const char *const *algs, size_t alg_count)
{
	for (size_t i = 0; i < set->key_count; i++)
		if (is_for(&set->keys[i], algs, alg_count))
			return true;
	return false;
}

bool key_set_restrict(struct key_set *set, const char *const *algs, size_t alg_count)
{
	size_t kept = 0;
	for (size_t i = 0; i < set->key_count; i++) {
		struct key *key = &set->keys[i];
		if (is_for(key, algs, alg_count)) {
			set->keys[kept++] = *key;
			continue;
		}
		note(set, i + 1, key->kid, "not used: its algorithm is not among the issuer's \"algorithms\"");
		free(key->kid);
		EVP_PKEY_free(key->pkey);
	}
	set->key_count = kept;
	return kept > 0;
}

bool key_set_write(const struct key_set *set, struct buf *out, struct error *err)
{
	bool written = true;
	buf_add_char(out, '[');
	for (size_t i = 0; written && i < set->key_count; i++) {
		if (i > 0)
			buf_add_char(out, ',');
		written = jwk_add(out, &set->keys[i], KEY_VERIFY, err);
	}
	buf_add_char(out, ']');
	return written;
}

/* ---- JWK Set ---- */

/* RFC 7517 §4.2, §4.3: a key that says what it is for is taken at its word. */
static bool meant_for(const json_t *jwk, enum key_use use, struct error *err)
{
	const json_t *field = json_object_get(jwk, "use");
	if (field && (!json_is_string(field) || strcmp(json_string_value(field), "sig") != 0))
		return error_set(err, 0, 0, "not used: \"use\" is not \"sig\"");
	const char *wanted = use == KEY_SIGN ? "sign" : "verify";
	const json_t *operations = json_object_get(jwk, "key_ops"), *operation;
	size_t i;
	json_array_foreach(
		operations, i, operation) if (json_is_string(operation) && strcmp(json_string_value(operation), wanted) == 0) return true;
	return operations == NULL || error_set(err, 0, 0, "not used: \"key_ops\" has no \"%s\"", wanted);
}

/* false: `alg` is there and unknown. *alg NULL: it is not there. */
static bool alg_read(const json_t *jwk, const struct alg **alg, struct error *err)
{
	char shown[PRINTABLE_SIZE];
	const json_t *field = json_object_get(jwk, "alg");
	*alg = json_is_string(field) ? alg_by_name(json_string_value(field)) : NULL;
	if (field == NULL || *alg != NULL)
		return true;
	const char *name = json_is_string(field) ? json_string_value(field) : "";
	return error_set(err, 0, 0, "not used: unknown alg %s", printable(shown, name));
}

static bool is_secret(const json_t *jwk)
{
	const char *kty = json_text(jwk, "kty", NULL);
	return json_object_get(jwk, "d") != NULL || json_object_get(jwk, "k") != NULL || (kty && strcmp(kty, "oct") == 0);
}

static void add_jwk(struct key_set *set, size_t number, const json_t *jwk, enum key_use use)
{
	struct error why;
	const struct alg *alg;
	const char *kid = json_text(jwk, "kid", NULL);
	if (!meant_for(jwk, use, &why) || !alg_read(jwk, &alg, &why)) {
		note(set, number, kid, why.text);
		return;
	}
	if (use == KEY_PUBLISHED && is_secret(jwk)) {
		note(set, number, kid, "not used: a secret or private key that everybody can read");
		return;
	}
	EVP_PKEY *pkey = jwk_read(jwk, use, &why);
	if (pkey == NULL) {
		note(set, number, kid, why.text);
		return;
	}
	if (use == KEY_VERIFY && json_object_get(jwk, "d"))
		note(set, number, kid, "its private part is not needed here: whoever can read this file can make tokens");
	add(set, number, kid, alg, pkey, use);
}

static bool read_jwk_set(struct key_set *set, const char *text, size_t len, enum key_use use, struct error *err)
{
	json_t *json = json_read_object(text, len, err);
	if (json == NULL)
		return false;
	const json_t *keys = json_object_get(json, "keys"), *jwk;
	bool is_set = json_is_array(keys);
	size_t i;
	json_array_foreach(keys, i, jwk) add_jwk(set, i + 1, jwk, use);
	json_decref(json);
	return is_set || error_set(err, 0, 0, "not a JWK Set: \"keys\" is missing or no array");
}

/* ---- PEM ---- */

static EVP_PKEY *certificate_key(const unsigned char *der, long len)
{
	X509 *certificate = d2i_X509(NULL, &der, len);
	EVP_PKEY *pkey = X509_get_pubkey(certificate);
	X509_free(certificate);
	return pkey;
}

/* The public part alone, as if the file had held nothing else. */
static EVP_PKEY *without_private(EVP_PKEY *pkey)
{
	unsigned char *der = NULL;
	int len = i2d_PUBKEY(pkey, &der);
	const unsigned char *at = der;
	EVP_PKEY *public = len > 0 ? d2i_PUBKEY(NULL, &at, len) : NULL;
	OPENSSL_free(der);
	EVP_PKEY_free(pkey);
	return public;
}

static void add_pem(struct key_set *set, size_t number, const char *type, const unsigned char *der, long len, enum key_use use)
{
	const unsigned char *at = der;
	size_t type_len = strlen(type);
	bool private = type_len >= 11 && strcmp(type + type_len - 11, "PRIVATE KEY") == 0;
	EVP_PKEY *pkey = NULL;
	if (strcmp(type, "EC PARAMETERS") == 0)
		return; /* stands before a key that names its curve itself */
	if (use == KEY_SIGN && !private) {
		note(set, number, NULL, "not used: no private key");
		return;
	}
	if (private)
		pkey = d2i_AutoPrivateKey(NULL, &at, len);
	else if (strcmp(type, "PUBLIC KEY") == 0)
		pkey = d2i_PUBKEY(NULL, &at, len);
	else if (strcmp(type, "RSA PUBLIC KEY") == 0)
		pkey = d2i_PublicKey(EVP_PKEY_RSA, NULL, &at, len);
	else if (strcmp(type, "CERTIFICATE") == 0 || strcmp(type, "X509 CERTIFICATE") == 0)
		pkey = certificate_key(der, len);
	if (pkey && private && use == KEY_VERIFY) {
		note(set, number, NULL, "its private part is not needed here: whoever can read this file can make tokens");
		pkey = without_private(pkey);
	}
	if (pkey == NULL)
		note(set, number, NULL, "not used: encrypted, damaged, or neither a public key nor a certificate");
	else
		add(set, number, NULL, NULL, pkey, use);
}

/* false: there is no PEM block at all. */
static bool read_pem(struct key_set *set, const char *text, size_t len, enum key_use use, struct error *err)
{
	BIO *bio = BIO_new_mem_buf(text, (int)len);
	size_t number = 0;
	bool more = bio != NULL;
	while (more) {
		char *type = NULL, *header = NULL;
		unsigned char *der = NULL;
		long der_len;
		size_t left = BIO_ctrl_pending(bio);
		if (PEM_read_bio(bio, &type, &header, &der, &der_len) == 1) {
			add_pem(set, ++number, type, der, der_len, use);
			OPENSSL_clear_free(der, (size_t)der_len);
		} else if (ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE) {
			more = false;
		} else {
			note(set, ++number, NULL, "not used: a damaged PEM block");
			more = BIO_ctrl_pending(bio) < left;
		}
		OPENSSL_free(type);
		OPENSSL_free(header);
	}
	BIO_free(bio);
	return number > 0 || error_set(err, 0, 0, "neither a JWK Set nor PEM");
}

/* ---- either ---- */

static bool looks_like_json(const char *text, size_t len)
{
	size_t i = 0;
	while (i < len && strchr(" \t\r\n", text[i]) && text[i])
		i++;
	return i < len && text[i] == '{';
}

struct key_set *key_set_read(const char *name, const char *text, size_t len, enum key_use use, struct error *err)
{
	struct error why = {0};
	struct key_set *set = mem_zero(sizeof *set);
	ERR_set_mark(); /* what fails here is nothing that the thread's next TLS call should find */
	bool read = use == KEY_PUBLISHED || looks_like_json(text, len) ? read_jwk_set(set, text, len, use, &why) : read_pem(set, text, len, use, &why);
	ERR_pop_to_mark();
	if (read && set->key_count > 0)
		return set;
	if (!read)
		error_set(err, -1, 0, "%s: %s", name, why.text);
	else if (set->note_count == 0)
		error_set(err, -1, 0, "%s: the key set is empty", name);
	else
		error_set(err, -1, 0, "%s: no usable key; %s", name, set->notes[0]);
	key_set_free(set);
	return NULL;
}

/* NULL: err says why. The caller frees; *len <= KEYS_FILE_MAX. */
static char *read_file(const char *file, size_t *len, struct error *err)
{
	FILE *in = fopen(file, "re");
	if (in == NULL) {
		error_set(err, -1, errno, "%s: %s", file, error_words(errno));
		return NULL;
	}
	char *text = mem_new(KEYS_FILE_MAX + 1);
	*len = fread(text, 1, KEYS_FILE_MAX + 1, in);
	if (ferror(in))
		error_set(err, -1, errno, "%s: %s", file, error_words(errno));
	else if (*len > KEYS_FILE_MAX)
		error_set(err, -1, 0, "%s: larger than %d bytes", file, KEYS_FILE_MAX);
	bool fine = !ferror(in) && *len <= KEYS_FILE_MAX;
	fclose(in);
	if (fine)
		return text;
	OPENSSL_cleanse(text, *len);
	free(text);
	return NULL;
}

struct key_set *key_set_load(const char *file, enum key_use use, struct error *err)
{
	size_t len;
	char *text = read_file(file, &len, err);
	if (text == NULL)
		return NULL;
	struct key_set *set = key_set_read(file, text, len, use, err);
	OPENSSL_cleanse(text, len);
	free(text);
	return set;
}
