/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * What providers and operators say of issuers. The first byte chooses: 'd' a discovery document, 'k' a published key set, 'c' a Cache-Control
 * field, 'i' the file of issuers. What is taken from a document can be asked for by https; no secret is taken from the network; ages are in range;
 * a list that is taken has all that is needed, and prefixes that keep people apart; a refusal is printable. */
#include <string.h>

#include "base/buf.h"
#include "plugin/auth/discovery.h"
#include "plugin/auth/issuer.h"
#include "tests/fuzz/fuzz.h"

static void check_printable(const char *text)
{
	FUZZ_CHECK(text[0]);
	for (; *text; text++)
		FUZZ_CHECK((unsigned char)*text >= 0x20 && *text != 0x7F);
}

static void check_document(const char *text, size_t len)
{
	struct error err = {0};
	char *uri = discovery_read(text, len, "https://i.example", &err);
	if (uri == NULL)
		check_printable(err.text);
	else
		FUZZ_CHECK(url_is_https(uri));
	free(uri);
}

static void check_keys(const char *text, size_t len)
{
	struct error err = {0};
	struct key_set *set = key_set_read("keys", text, len, KEY_PUBLISHED, &err);
	if (set == NULL) {
		check_printable(err.text);
		return;
	}
	struct buf out = BUF_EMPTY;
	FUZZ_CHECK(set->key_count > 0);
	for (size_t i = 0; i < set->key_count; i++)
		FUZZ_CHECK(set->keys[i].alg->kind != ALG_HMAC);
	buf_add_text(&out, "{\"keys\":");
	FUZZ_CHECK(key_set_write(set, &out, &err));
	buf_add_char(&out, '}');
	struct key_set *again = key_set_read("again", out.data, out.len, KEY_PUBLISHED, &err);
	FUZZ_CHECK(again != NULL && again->key_count == set->key_count);
	key_set_free(again);
	key_set_free(set);
	buf_fini(&out);
}

static void check_age(const char *text, size_t len)
{
	char *field = mem_copy(text, len);
	int64_t age = cache_control_age(field);
	FUZZ_CHECK(age >= -1 && age <= INT32_MAX);
	free(field);
}

static void check_pair(const struct issuer *one, const struct issuer *other)
{
	size_t len = strlen(one->prefix), other_len = strlen(other->prefix);
	FUZZ_CHECK(strcmp(one->url, other->url) != 0);
	FUZZ_CHECK(len == other_len || strncmp(one->prefix, other->prefix, len < other_len ? len : other_len) != 0);
}

static void check_issuers(const char *text, size_t len)
{
	struct error err = {0};
	struct issuer_list list = {0};
	if (!issuer_list_add_text(&list, text, len, &err) || !issuer_list_check(&list, &err)) {
		check_printable(err.text);
		issuer_list_fini(&list);
		return;
	}
	FUZZ_CHECK(list.count > 0 && list.count <= ISSUERS_MAX);
	for (size_t i = 0; i < list.count; i++) {
		struct jwt_policy policy = issuer_policy(&list.issuers[i]);
		FUZZ_CHECK(policy.issuer[0] && policy.audience_count > 0 && policy.user_claim[0] && policy.leeway_s >= 0);
		FUZZ_CHECK(list.issuers[i].keys != NULL || url_is_https(policy.issuer));
		for (size_t j = 0; j < i; j++)
			check_pair(&list.issuers[i], &list.issuers[j]);
	}
	issuer_list_fini(&list);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *)data + 1;
	if (size == 0)
		return 0;
	switch (data[0]) {
	case 'd':
		check_document(text, size - 1);
		break;
	case 'k':
		check_keys(text, size - 1);
		break;
	case 'c':
		check_age(text, size - 1);
		break;
	case 'i':
		check_issuers(text, size - 1);
		break;
	}
	return 0;
}
