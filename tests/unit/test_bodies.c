/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * What of their texts transactions take along: all, nothing, or a JWE that whoever has the chat's key can read. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>
#include <openssl/evp.h>

#include "base/clock.h"
#include "plugin/chat/line.h"
#include "plugin/transfer/bodies.h"
#include "storage/faulty/faulty.h"

static struct store *store;
static int64_t now_ms = 1000000;

int64_t __wrap_clock_mono_ms(void);
int64_t __wrap_clock_mono_ms(void)
{
	return now_ms;
}

static void append(struct transaction *const *transactions, size_t count)
{
	struct append append = {.chat_id = transactions[0]->chat_id, .transactions = transactions, .transaction_count = count};
	assert_int_equal(store_ops(store)->append(store, &append, 1, NULL), STORE_OK);
	assert_int_equal(append.result, APPEND_OK);
}

/* Number 1 of a chat, in the store. */
static struct transaction *message(const char *chat_id, const char *body, const char *quote)
{
	static const unsigned char zero[HEAD_BYTES];
	struct transaction tx = {.chat_id = chat_id, .number = 1, .type = TX_MESSAGE, .sender_id = "alice", .at_ms = 5, .key = "k", .writer = "w"};
	sealed_set(&tx.body, body, strlen(body));
	if (quote != NULL)
		sealed_set(&tx.quote, quote, strlen(quote));
	tx.target = quote != NULL ? 1 : 0;
	transaction_head(&tx, zero, tx.head);
	struct transaction *made = transaction_new(&tx);
	append(&made, 1);
	return made;
}

static int begin(void **state)
{
	struct store *below = NULL;
	(void)state;
	if (store_open("memory:", &below, NULL) != STORE_OK)
		return 1;
	store = store_faulty_new(below);
	return 0;
}

static int end(void **state)
{
	(void)state;
	store_ops(store)->close(store);
	return 0;
}

static json_t *render(struct bodies *bodies, const struct transaction *tx, size_t max)
{
	struct buf value = BUF_EMPTY;
	assert_int_equal(bodies_render(bodies, tx, max, &value, NULL), STORE_OK);
	assert_true(value.len <= max);
	json_t *json = value.len > 0 ? json_loadb(value.data, value.len, 0, NULL) : NULL;
	assert_true(json != NULL || value.len == 0);
	buf_fini(&value);
	return json;
}

static struct bodies *encrypted(void)
{
	struct bodies *bodies = bodies_new(store, BODIES_ENCRYPTED, NULL);
	assert_non_null(bodies);
	return bodies;
}

/* The text of a JWE; fails unless the key is right and nothing was changed. */
static char *decrypt(const char *jwe, const char *chat_id)
{
	static const char empty_key[] = "..";
	unsigned char key[CHAT_KEY_BYTES], iv[12], tag[16], *cipher = malloc(strlen(jwe)), *plain = calloc(1, strlen(jwe) + 1);
	size_t len, cipher_len;
	int n;
	const char *iv_text = strstr(jwe, empty_key) + 2, *cipher_text = strchr(iv_text, '.') + 1, *tag_text = strchr(cipher_text, '.') + 1;
	assert_int_equal(store_ops(store)->load_chat_key(store, chat_id, false, key, NULL), STORE_OK);
	assert_true(base64url_decode(iv_text, (size_t)(cipher_text - 1 - iv_text), iv, sizeof iv, &len) && len == sizeof iv);
	assert_true(base64url_decode(cipher_text, (size_t)(tag_text - 1 - cipher_text), cipher, strlen(jwe), &cipher_len));
	assert_true(base64url_decode(tag_text, strlen(tag_text), tag, sizeof tag, &len) && len == sizeof tag);
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	assert_int_equal(EVP_DecryptInit_ex(ctx, EVP_aes_256_gcm(), NULL, key, iv), 1);
	assert_int_equal(EVP_DecryptUpdate(ctx, NULL, &n, (const unsigned char *)jwe, (int)(strstr(jwe, empty_key) - jwe)), 1);
	assert_int_equal(EVP_DecryptUpdate(ctx, plain, &n, cipher, (int)cipher_len), 1);
	assert_int_equal(EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_TAG, sizeof tag, tag), 1);
	assert_int_equal(EVP_DecryptFinal_ex(ctx, plain + n, &n), 1);
	EVP_CIPHER_CTX_free(ctx);
	free(cipher);
	return (char *)plain;
}

static void assert_reads(const json_t *line, const char *chat_id, const char *text)
{
	char *plain = decrypt(json_string_value(json_object_get(line, "body")), chat_id);
	assert_string_equal(plain, text);
	assert_true(json_is_true(json_object_get(line, "encrypted")));
	free(plain);
}

static void full_is_what_members_get(void **state)
{
	(void)state;
	struct transaction *tx = message("full", "the text", NULL);
	struct bodies *bodies = bodies_new(store, BODIES_FULL, NULL);
	json_t *line = render(bodies, tx, SIZE_MAX);
	assert_string_equal(json_string_value(json_object_get(line, "body")), "the text");
	assert_null(json_object_get(line, "encrypted"));
	json_decref(line);
	bodies_free(bodies);
	transaction_free(tx);
}

static void none_leaves_out_body_and_quote_and_nothing_else(void **state)
{
	(void)state;
	struct transaction *tx = message("none", "the text", "as it was");
	struct bodies *bodies = bodies_new(store, BODIES_NONE, NULL);
	json_t *line = render(bodies, tx, SIZE_MAX);
	assert_null(json_object_get(line, "body"));
	assert_null(json_object_get(line, "encrypted"));
	assert_int_equal(json_object_size(json_object_get(line, "repliedTo")), 1);
	assert_string_equal(json_string_value(json_object_get(line, "type")), "message");
	assert_string_equal(json_string_value(json_object_get(line, "senderID")), "alice");
	json_decref(line);
	bodies_free(bodies);
	transaction_free(tx);
}

static void who_has_the_key_reads_what_was_encrypted(void **state)
{
	(void)state;
	struct transaction *tx = message("chat \"1\"", "hell\xC3\xB6 \"you\"\n", "as it was");
	struct bodies *bodies = encrypted();
	json_t *line = render(bodies, tx, SIZE_MAX);
	assert_reads(line, tx->chat_id, "hell\xC3\xB6 \"you\"\n");
	char *quote = decrypt(json_string_value(json_object_get(json_object_get(line, "repliedTo"), "body")), tx->chat_id);
	assert_string_equal(quote, "as it was");
	free(quote);
	json_decref(line);
	bodies_free(bodies);
	transaction_free(tx);
}

static void an_empty_text_is_encrypted_as_well(void **state)
{
	(void)state;
	struct transaction *tx = message("empty", "", NULL);
	struct bodies *bodies = encrypted();
	json_t *line = render(bodies, tx, SIZE_MAX);
	assert_reads(line, "empty", "");
	json_decref(line);
	bodies_free(bodies);
	transaction_free(tx);
}

static void the_same_text_never_looks_the_same(void **state)
{
	(void)state;
	struct transaction *tx = message("same", "yes", NULL);
	struct bodies *bodies = encrypted();
	json_t *one = render(bodies, tx, SIZE_MAX), *other = render(bodies, tx, SIZE_MAX);
	assert_string_not_equal(json_string_value(json_object_get(one, "body")), json_string_value(json_object_get(other, "body")));
	json_decref(one);
	json_decref(other);
	bodies_free(bodies);
	transaction_free(tx);
}

static void what_is_too_long_is_cut_before_it_is_encrypted(void **state)
{
	(void)state;
	char text[3001];
	memset(text, 'x', 3000);
	text[3000] = '\0';
	struct transaction *tx = message("long", text, "as it was");
	struct bodies *bodies = encrypted();
	int with_body = 0, without = 0, latest = 0;
	for (size_t max = 0; max < 5000; max += 7) {
		json_t *line = render(bodies, tx, max);
		const char *jwe = json_string_value(json_object_get(line, "body"));
		char *plain = jwe != NULL ? decrypt(jwe, "long") : NULL;
		assert_true(plain == NULL || strncmp(plain, text, strlen(plain)) == 0);
		assert_true(plain == NULL || strlen(plain) == 3000 || json_is_true(json_object_get(line, "cut")));
		const char *type = json_string_value(json_object_get(line, "type"));
		with_body += plain != NULL;
		latest += type != NULL && strcmp(type, "latest") == 0;
		without += plain == NULL && type != NULL && strcmp(type, "message") == 0;
		free(plain);
		json_decref(line);
	}
	assert_true(with_body > 600 && without > 3 && latest > 3);
	bodies_free(bodies);
	transaction_free(tx);
}

static void erase_all(const char *chat_id)
{
	bool more = true;
	while (more)
		assert_int_equal(store_ops(store)->erase(store, chat_id, NULL, &more, NULL), STORE_OK);
}

static void once_the_key_is_erased_no_text_leaves_any_more(void **state)
{
	(void)state;
	struct transaction *tx = message("erased", "the text", "as it was");
	struct bodies *bodies = encrypted();
	json_decref(render(bodies, tx, SIZE_MAX));
	erase_all("erased");
	now_ms += 1001; /* one that was read before may go under the old key until then */
	json_t *line = render(bodies, tx, SIZE_MAX);
	assert_null(json_object_get(line, "body"));
	assert_null(json_object_get(line, "encrypted"));
	assert_null(json_object_get(json_object_get(line, "repliedTo"), "body"));
	assert_string_equal(json_string_value(json_object_get(line, "type")), "message");
	json_decref(line);
	bodies_free(bodies);
	transaction_free(tx);
}

static void two_chats_in_one_slot_keep_their_own_keys(void **state)
{
	enum { CHATS = 600 };
	(void)state;
	struct bodies *bodies = encrypted();
	struct transaction *messages[CHATS];
	for (int i = 0; i < CHATS; i++) {
		char chat_id[20];
		snprintf(chat_id, sizeof chat_id, "many-%d", i);
		messages[i] = message(chat_id, chat_id, NULL);
	}
	for (int round = 0; round < 2; round++)
		for (int i = 0; i < CHATS; i++) {
			json_t *line = render(bodies, messages[i], SIZE_MAX);
			assert_reads(line, messages[i]->chat_id, messages[i]->chat_id);
			json_decref(line);
		}
	for (int i = 0; i < CHATS; i++)
		transaction_free(messages[i]);
	bodies_free(bodies);
}

static void while_the_store_has_no_key_to_give_nothing_leaves(void **state)
{
	(void)state;
	struct transaction *tx = message("away", "the text", NULL);
	struct bodies *bodies = encrypted();
	struct buf value = BUF_EMPTY;
	struct error err;
	store_faulty_arm(store, &(struct fault){.op = FAULTY_LOAD_CHAT_KEY, .call = 1, .action = FAULTY_FAIL});
	assert_int_equal(bodies_render(bodies, tx, SIZE_MAX, &value, &err), STORE_UNAVAILABLE);
	assert_int_equal(value.len, 0);
	store_faulty_disarm(store);
	json_t *line = render(bodies, tx, SIZE_MAX);
	assert_reads(line, "away", "the text");
	json_decref(line);
	buf_fini(&value);
	bodies_free(bodies);
	transaction_free(tx);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(full_is_what_members_get),
		cmocka_unit_test(none_leaves_out_body_and_quote_and_nothing_else),
		cmocka_unit_test(who_has_the_key_reads_what_was_encrypted),
		cmocka_unit_test(an_empty_text_is_encrypted_as_well),
		cmocka_unit_test(the_same_text_never_looks_the_same),
		cmocka_unit_test(what_is_too_long_is_cut_before_it_is_encrypted),
		cmocka_unit_test(once_the_key_is_erased_no_text_leaves_any_more),
		cmocka_unit_test(two_chats_in_one_slot_keep_their_own_keys),
		cmocka_unit_test(while_the_store_has_no_key_to_give_nothing_leaves),
	};
	return cmocka_run_group_tests(tests, begin, end);
}
