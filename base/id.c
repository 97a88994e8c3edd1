/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * Random bytes, digests and base64url. Any thread. */
#include "base/id.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

static const char ALPHABET[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

void base64url_encode(const void *bytes, size_t len, char *text)
{
	const unsigned char *in = bytes;
	uint32_t bits = 0;
	int have = 0;
	for (size_t i = 0; i < len; i++) {
		bits = bits << 8 | in[i];
		for (have += 8; have >= 6; have -= 6)
			*text++ = ALPHABET[bits >> (have - 6) & 63];
	}
	if (have > 0)
		*text++ = ALPHABET[bits << (6 - have) & 63];
	*text = '\0';
}

static int base64url_value(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	return c == '-' ? 62 : c == '_' ? 63 : -1;
}

bool base64url_decode(const char *text, size_t text_len, void *bytes, size_t size, size_t *len)
{
	if (text_len % 4 == 1 || text_len / 4 * 3 + (text_len % 4 ? text_len % 4 - 1 : 0) > size)
		return false;
	unsigned char *out = bytes;
	uint32_t bits = 0;
	int have = 0;
	for (size_t i = 0; i < text_len; i++) {
		int value = base64url_value(text[i]);
		if (value < 0)
			return false;
		bits = bits << 6 | (uint32_t)value;
		have += 6;
		if (have >= 8) {
			have -= 8;
			*out++ = (unsigned char)(bits >> have);
			bits &= (1u << have) - 1;
		}
	}
	if (bits != 0)
		return false;
	*len = (size_t)(out - (unsigned char *)bytes);
	return true;
}

/* What each thread keeps, because making it anew costs more than what it is used for: a digest context, and random bytes in store (each
 * is given out once, and wiped). The digest is fetched once for all: OpenSSL 3's implicit fetch is dear as well. */
enum { RANDOM_STORE = 1024 };

struct kit {
	EVP_MD_CTX *ctx;
	size_t random_left;
	unsigned char random[RANDOM_STORE];
};

static EVP_MD *md;
static pthread_key_t kit_key;
static pthread_mutex_t set_up_lock = PTHREAD_MUTEX_INITIALIZER;
static atomic_bool is_set_up; /* what is above is there; not pthread_once, which could not begin again after id_fini */

static void kit_free(void *context)
{
	struct kit *kit = context;
	EVP_MD_CTX_free(kit->ctx);
	free(kit);
}

static void set_up(void)
{
	pthread_mutex_lock(&set_up_lock);
	if (!atomic_load_explicit(&is_set_up, memory_order_relaxed)) {
		md = EVP_MD_fetch(NULL, "SHA256", NULL);
		if (md == NULL || pthread_key_create(&kit_key, kit_free) != 0)
			abort();
		atomic_store_explicit(&is_set_up, true, memory_order_release);
	}
	pthread_mutex_unlock(&set_up_lock);
}

void id_fini(void)
{
	if (!atomic_load_explicit(&is_set_up, memory_order_acquire))
		return;
	struct kit *kit = pthread_getspecific(kit_key);
	if (kit != NULL)
		kit_free(kit);
	pthread_key_delete(kit_key);
	EVP_MD_free(md);
	atomic_store_explicit(&is_set_up, false, memory_order_release);
}

static struct kit *kit_of_thread(void)
{
	if (!atomic_load_explicit(&is_set_up, memory_order_acquire))
		set_up();
	struct kit *kit = pthread_getspecific(kit_key);
	if (kit != NULL)
		return kit;
	kit = calloc(1, sizeof *kit);
	if (kit == NULL || (kit->ctx = EVP_MD_CTX_new()) == NULL || pthread_setspecific(kit_key, kit) != 0)
		abort();
	return kit;
}

void id_random(void *bytes, size_t len)
{
	struct kit *kit = kit_of_thread();
	if (len > RANDOM_STORE / 4) {
		if (RAND_bytes(bytes, (int)len) != 1)
			abort();
		return;
	}
	if (kit->random_left < len) {
		if (RAND_bytes(kit->random, RANDOM_STORE) != 1)
			abort();
		kit->random_left = RANDOM_STORE;
	}
	kit->random_left -= len;
	memcpy(bytes, kit->random + kit->random_left, len);
	OPENSSL_cleanse(kit->random + kit->random_left, len);
}

static void update(EVP_MD_CTX *ctx, const void *bytes, size_t len)
{
	if (len > 0 && EVP_DigestUpdate(ctx, bytes, len) != 1)
		abort();
}

void sha256(const struct bytes *parts, size_t part_count, unsigned char digest[SHA256_BYTES])
{
	/* Small parts are put together first: what an update costs beside the hashing is more than that of copying them. */
	unsigned char gathered[256];
	size_t gathered_len = 0;
	EVP_MD_CTX *ctx = kit_of_thread()->ctx;
	if (EVP_DigestInit_ex2(ctx, md, NULL) != 1)
		abort();
	for (size_t i = 0; i < part_count; i++) {
		if (parts[i].len > sizeof gathered - gathered_len) {
			update(ctx, gathered, gathered_len);
			gathered_len = 0;
		}
		if (parts[i].len > sizeof gathered) {
			update(ctx, parts[i].data, parts[i].len);
		} else if (parts[i].len > 0) {
			memcpy(gathered + gathered_len, parts[i].data, parts[i].len);
			gathered_len += parts[i].len;
		}
	}
	update(ctx, gathered, gathered_len);
	if (EVP_DigestFinal_ex(ctx, digest, NULL) != 1)
		abort();
}

void hmac_sha256(const void *key, size_t key_len, const struct bytes *parts, size_t part_count, unsigned char digest[SHA256_BYTES])
{
	/* RFC 2104 with keys of at most one block, which all of ours are. */
	unsigned char inner[64] = {0}, outer[64] = {0}, sum[SHA256_BYTES];
	struct bytes all[8];
	if (key_len > sizeof inner || part_count > 7)
		abort();
	memcpy(inner, key, key_len);
	memcpy(outer, key, key_len);
	for (size_t i = 0; i < sizeof inner; i++) {
		inner[i] ^= 0x36;
		outer[i] ^= 0x5c;
	}
	all[0] = (struct bytes){inner, sizeof inner};
	memcpy(all + 1, parts, part_count * sizeof *parts);
	sha256(all, part_count + 1, sum);
	sha256((struct bytes[]){{outer, sizeof outer}, {sum, sizeof sum}}, 2, digest);
}
