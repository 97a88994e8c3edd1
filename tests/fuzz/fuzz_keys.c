/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * Key files. Either a set with keys that are fit for their algorithms, or a reason that names the file; all notes printable. */
#include <openssl/evp.h>
#include <string.h>

#include "plugin/auth/jwk.h"
#include "tests/fuzz/fuzz.h"

static void check_printable(const char *text)
{
	FUZZ_CHECK(text[0]);
	for (; *text; text++)
		FUZZ_CHECK((unsigned char)*text >= 0x20 && *text != 0x7F);
}

/* What we write of a key, we read as the same key. */
static void check_round_trip(const struct key *key, enum key_use use)
{
	struct buf out = BUF_EMPTY;
	buf_add_text(&out, "{\"keys\":[");
	FUZZ_CHECK(jwk_add(&out, key, use, NULL));
	buf_add_text(&out, "]}");
	struct error err;
	struct key_set *again = key_set_read("again", out.data, out.len, use, &err);
	FUZZ_CHECK(
		again != NULL && again->key_count == 1 && again->keys[0].alg == key->alg && EVP_PKEY_eq(again->keys[0].pkey, key->pkey) == 1);
	key_set_free(again);
	buf_fini(&out);
}

static void check(const char *text, size_t len, enum key_use use)
{
	struct error err = {0};
	struct key_set *set = key_set_read("file", text, len, use, &err);
	if (set == NULL) {
		FUZZ_CHECK(strncmp(err.text, "file: ", 6) == 0);
		check_printable(err.text);
		return;
	}
	FUZZ_CHECK(set->key_count > 0 && set->key_count <= KEYS_MAX);
	for (size_t i = 0; i < set->key_count; i++) {
		FUZZ_CHECK(alg_fits(set->keys[i].alg, set->keys[i].pkey, NULL));
		check_round_trip(&set->keys[i], use);
	}
	for (size_t i = 0; i < set->note_count; i++)
		check_printable(set->notes[i]);
	key_set_free(set);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	check((const char *)data, size, KEY_VERIFY);
	check((const char *)data, size, KEY_SIGN);
	return 0;
}
