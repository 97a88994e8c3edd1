/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * JWE with a key that both sides have: header, no encrypted key, IV, ciphertext, tag; the encoded header is authenticated with it. */
#include "plugin/transfer/jwe.h"

#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

#include "base/id.h"
#include "base/json.h"

enum { IV_BYTES = 12, TAG_BYTES = 16 };

struct jwe {
	EVP_CIPHER *cipher;
	EVP_CIPHER_CTX *ctx;
	struct buf header, cipher_text;
};

struct jwe *jwe_new(struct error *err)
{
	struct jwe *jwe = mem_zero(sizeof *jwe);
	jwe->cipher = EVP_CIPHER_fetch(NULL, "AES-256-GCM", NULL);
	jwe->ctx = EVP_CIPHER_CTX_new();
	if (jwe->cipher != NULL && jwe->ctx != NULL)
		return jwe;
	jwe_free(jwe);
	error_set(err, -1, 0, "OpenSSL has no AES-256-GCM");
	return NULL;
}

void jwe_free(struct jwe *jwe)
{
	if (jwe == NULL)
		return;
	EVP_CIPHER_free(jwe->cipher);
	EVP_CIPHER_CTX_free(jwe->ctx);
	buf_fini(&jwe->header);
	buf_fini(&jwe->cipher_text);
	free(jwe);
}

static size_t encoded_len(size_t len)
{
	return (len * 4 + 2) / 3;
}

static void add_encoded(struct buf *out, const void *bytes, size_t len)
{
	buf_reserve(out, encoded_len(len));
	base64url_encode(bytes, len, out->data + out->len);
	out->len += encoded_len(len);
}

static void add_header(struct buf *header, const char *kid)
{
	buf_add_text(header, "{\"alg\":\"dir\",\"enc\":\"A256GCM\",\"kid\":");
	json_add_string(header, kid, strlen(kid));
	buf_add_char(header, '}');
}

static bool encrypt(struct jwe *jwe, const unsigned char *key, const unsigned char iv[IV_BYTES], const struct bytes *aad, const struct bytes *text,
	unsigned char tag[TAG_BYTES])
{
	int len;
	buf_clear(&jwe->cipher_text);
	buf_reserve(&jwe->cipher_text, text->len);
	unsigned char *to = (unsigned char *)jwe->cipher_text.data;
	jwe->cipher_text.len = text->len;
	return EVP_EncryptInit_ex2(jwe->ctx, jwe->cipher, key, iv, NULL) == 1 && EVP_EncryptUpdate(jwe->ctx, NULL, &len, aad->data, (int)aad->len) == 1 &&
	       EVP_EncryptUpdate(jwe->ctx, to, &len, text->data, (int)text->len) == 1 && EVP_EncryptFinal_ex(jwe->ctx, to + len, &len) == 1 &&
	       EVP_CIPHER_CTX_ctrl(jwe->ctx, EVP_CTRL_AEAD_GET_TAG, TAG_BYTES, tag) == 1;
}

bool jwe_add(struct jwe *jwe, struct buf *out, const unsigned char key[JWE_KEY_BYTES], const char *kid, const char *text, size_t len,
	struct error *err)
{
	unsigned char iv[IV_BYTES], tag[TAG_BYTES];
	size_t start = out->len;
	buf_clear(&jwe->header);
	add_header(&jwe->header, kid);
	add_encoded(out, jwe->header.data, jwe->header.len);
	const struct bytes aad = {out->data + start, out->len - start}, plain = {text, len};
	id_random(iv, sizeof iv);
	if (!encrypt(jwe, key, iv, &aad, &plain, tag)) {
		out->len = start;
		out->data[start] = '\0';
		error_set(err, -1, 0, "OpenSSL does not encrypt");
		return false;
	}
	buf_add_text(out, "..");
	add_encoded(out, iv, sizeof iv);
	buf_add_char(out, '.');
	add_encoded(out, jwe->cipher_text.data, jwe->cipher_text.len);
	buf_add_char(out, '.');
	add_encoded(out, tag, sizeof tag);
	return true;
}

size_t jwe_len(const char *kid, size_t len)
{
	struct buf header = BUF_EMPTY;
	add_header(&header, kid);
	size_t header_len = encoded_len(header.len);
	buf_fini(&header);
	return header_len + strlen("....") + encoded_len(IV_BYTES) + encoded_len(len) + encoded_len(TAG_BYTES);
}
