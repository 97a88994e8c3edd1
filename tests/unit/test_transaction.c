/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * Transactions: copies, the hash chain, erasing, membership and group bodies. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "storage/transaction.h"

static struct transaction sample(void)
{
	struct transaction tx = {
		.chat_id = "ABCDEFGHIJKLMNOPQRSTUV",
		.number = 17,
		.type = TX_MESSAGE,
		.sender_id = "alice",
		.at_ms = 1790000000000,
		.key = "a1",
		.key_hash = "0123456789abcde",
		.writer = "w1",
		.position = 5,
		.target = 12,
		.content_type = "text/markdown",
		.client_time_ms = 1789999999999,
		.quote_revision = 14,
		.body = {.text = "hi", .len = 2, .present = true, .salt = "bodysaltbodysal"},
		.quote = {.text = "as it was", .len = 9, .present = true, .salt = "quotesaltquotes"},
	};
	return tx;
}

static void head_of(const struct transaction *tx, unsigned char head[HEAD_BYTES])
{
	static const unsigned char start[HEAD_BYTES];
	transaction_head(tx, start, head);
}

static void assert_same_head(const struct transaction *a, const struct transaction *b)
{
	unsigned char head_a[HEAD_BYTES], head_b[HEAD_BYTES];
	head_of(a, head_a);
	head_of(b, head_b);
	assert_memory_equal(head_a, head_b, HEAD_BYTES);
}

static void assert_other_head(const struct transaction *a, const struct transaction *b)
{
	unsigned char head_a[HEAD_BYTES], head_b[HEAD_BYTES];
	head_of(a, head_a);
	head_of(b, head_b);
	assert_memory_not_equal(head_a, head_b, HEAD_BYTES);
}

static void a_copy_has_every_field_and_shares_no_memory(void **state)
{
	(void)state;
	char body[] = "hi";
	struct transaction from = sample();
	from.body.text = body;
	struct transaction *copy = transaction_new(&from);
	body[0] = 'X';
	assert_string_equal(copy->body.text, "hi");
	assert_string_equal(copy->chat_id, from.chat_id);
	assert_string_equal(copy->sender_id, "alice");
	assert_string_equal(copy->key, "a1");
	assert_string_equal(copy->writer, "w1");
	assert_string_equal(copy->content_type, "text/markdown");
	assert_string_equal(copy->quote.text, "as it was");
	assert_int_equal(copy->position, 5);
	from = sample();
	assert_same_head(copy, &from);
	transaction_free(copy);
}

static void null_strings_stay_null(void **state)
{
	(void)state;
	struct transaction from = {.chat_id = "c", .number = 1, .type = TX_MESSAGE, .sender_id = "alice", .writer = "w"};
	struct transaction *copy = transaction_new(&from);
	assert_null(copy->key);
	assert_null(copy->content_type);
	assert_null(copy->body.text);
	assert_null(copy->quote.text);
	transaction_free(copy);
	transaction_free(NULL);
}

static void a_text_may_hold_any_byte(void **state)
{
	(void)state;
	struct transaction from = sample();
	from.body.text = "a\0b";
	from.body.len = 3;
	struct transaction *copy = transaction_new(&from);
	assert_memory_equal(copy->body.text, "a\0b", 4);
	transaction_free(copy);
}

static void *hold_and_drop(void *arg)
{
	for (int i = 0; i < 10000; i++)
		transaction_free(transaction_ref(arg));
	return NULL;
}

static void many_threads_hold_and_drop_one_transaction(void **state)
{
	(void)state;
	struct transaction from = sample();
	struct transaction *tx = transaction_new(&from);
	pthread_t threads[4];
	for (size_t i = 0; i < 4; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, hold_and_drop, tx), 0);
	for (size_t i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
	assert_string_equal(tx->body.text, "hi");
	transaction_free(tx);
}

/* Computed with another implementation (Python's hashlib and struct): a change of the encoding would break every log there is. */
static void assert_head(const struct transaction *tx, const char *expected)
{
	unsigned char head[HEAD_BYTES];
	char text[ID_TEXT_LEN + 1];
	head_of(tx, head);
	base64url_encode(head, sizeof head, text);
	assert_string_equal(text, expected);
}

static void the_head_is_the_one_that_was_always_given_out(void **state)
{
	(void)state;
	struct transaction tx = sample();
	assert_head(&tx, "p5Q6JdAy4mmUBkmQTL7Ldg");
	tx.first_encoding = true;
	assert_head(&tx, "FTZccS5f1X5CqmBrjDlRAw");
	tx = (struct transaction){.chat_id = "c", .number = 1, .type = TX_DELETE, .sender_id = "", .writer = "w", .at_ms = -1};
	assert_head(&tx, "vvtoyQQXt-ywGXs1P9c0KQ");
	tx.first_encoding = true;
	assert_head(&tx, "uk1vJn6aWiruasINboi4Ag");
}

static void every_field_but_the_position_changes_the_head(void **state)
{
	(void)state;
	struct transaction tx = sample(), other = tx;
	other.position = 99;
	assert_same_head(&tx, &other);
#define DIFFERS(field, value)                                                                                                                        \
	do {                                                                                                                                             \
		other = tx;                                                                                                                                  \
		other.field = value;                                                                                                                         \
		assert_other_head(&tx, &other);                                                                                                              \
	} while (0)
	DIFFERS(chat_id, "ABCDEFGHIJKLMNOPQRSTUW");
	DIFFERS(number, 18);
	DIFFERS(type, TX_EDIT);
	DIFFERS(sender_id, "bob");
	DIFFERS(at_ms, tx.at_ms + 1);
	DIFFERS(key, "a2");
	DIFFERS(key_hash[15], 'f');
	DIFFERS(writer, "w2");
	DIFFERS(target, 13);
	DIFFERS(content_type, NULL);
	DIFFERS(client_time_ms, 0);
	DIFFERS(quote_revision, 0);
	DIFFERS(body.text, "ho");
	DIFFERS(body.salt[0], 'X');
	DIFFERS(body.present, false);
	DIFFERS(quote.len, 8);
	DIFFERS(quote.present, false);
#undef DIFFERS
}

static void a_missing_key_is_not_an_empty_one(void **state)
{
	(void)state;
	struct transaction missing = sample(), empty = sample();
	missing.key = NULL;
	empty.key = "";
	assert_other_head(&missing, &empty);
}

static void no_byte_can_move_from_one_field_to_the_next(void **state)
{
	(void)state;
	struct transaction a = sample(), b = sample();
	a.writer = "w1x";
	a.content_type = "y";
	b.writer = "w1";
	b.content_type = "xy";
	assert_other_head(&a, &b);
}

static void an_empty_text_is_not_a_missing_one(void **state)
{
	(void)state;
	struct transaction empty = sample(), missing = sample();
	sealed_set(&empty.body, "", 0);
	missing.body = (struct sealed){0};
	assert_other_head(&empty, &missing);
}

static void the_same_text_is_sealed_differently_each_time(void **state)
{
	(void)state;
	struct transaction a = sample(), b = sample();
	sealed_set(&a.body, "yes", 3);
	sealed_set(&b.body, "yes", 3);
	assert_other_head(&a, &b);
}

static void the_head_depends_on_the_one_before(void **state)
{
	(void)state;
	struct transaction tx = sample();
	unsigned char start[HEAD_BYTES] = {0}, first[HEAD_BYTES], second[HEAD_BYTES];
	transaction_head(&tx, start, first);
	transaction_head(&tx, first, second);
	assert_memory_not_equal(first, second, HEAD_BYTES);
}

static void key64_is_stable_and_keeps_sender_and_key_apart(void **state)
{
	(void)state;
	assert_true(transaction_key64("alice", "a1") == UINT64_C(0x55688441751A41BF));
	assert_true(transaction_key64("ab", "c") != transaction_key64("a", "bc"));
}

static int members_of(enum transaction_type type, const char *body, struct member_change **changes)
{
	struct transaction tx = sample();
	tx.type = type;
	sealed_set(&tx.body, body, strlen(body));
	return transaction_members(&tx, changes);
}

static void members_added_come_with_their_roles(void **state)
{
	(void)state;
	struct member_change *changes;
	const char *body = "{\"members\":[{\"userID\":\"alice\",\"role\":\"owner\"},{\"userID\":\"bob\",\"role\":\"member\"}]}";
	assert_int_equal(members_of(TX_MEMBER_ADDED, body, &changes), 2);
	assert_string_equal(changes[0].user_id, "alice");
	assert_int_equal(changes[0].role, ROLE_OWNER);
	assert_string_equal(changes[1].user_id, "bob");
	assert_int_equal(changes[1].role, ROLE_MEMBER);
	free(changes);
}

static void a_removed_member_has_no_role(void **state)
{
	(void)state;
	struct member_change *changes;
	assert_int_equal(members_of(TX_MEMBER_REMOVED, "{\"userID\":\"bob\"}", &changes), 1);
	assert_string_equal(changes[0].user_id, "bob");
	assert_int_equal(changes[0].role, ROLE_NONE);
	free(changes);
}

static void a_changed_role_is_the_new_one(void **state)
{
	(void)state;
	struct member_change *changes;
	assert_int_equal(members_of(TX_ROLE_CHANGED, "{\"userID\":\"bob\",\"role\":\"admin\"}", &changes), 1);
	assert_int_equal(changes[0].role, ROLE_ADMIN);
	free(changes);
}

static void other_types_and_erased_bodies_change_nobody(void **state)
{
	(void)state;
	struct member_change *changes;
	assert_int_equal(members_of(TX_MESSAGE, "{\"userID\":\"bob\"}", &changes), 0);
	struct transaction tx = sample();
	tx.type = TX_MEMBER_REMOVED;
	tx.body = (struct sealed){.present = true, .erased = true};
	assert_int_equal(transaction_members(&tx, &changes), 0);
}

static void a_body_that_is_not_what_the_type_says_is_told(void **state)
{
	(void)state;
	static const char *const wrong[] = {
		"", "hi", "[]", "{}", "{\"members\":{}}", "{\"members\":[]}", "{\"members\":[1]}", "{\"members\":[{\"userID\":\"\",\"role\":\"member\"}]}",
		"{\"members\":[{\"userID\":\"a\",\"role\":\"none\"}]}", "{\"members\":[{\"userID\":\"a\",\"role\":\"king\"}]}",
		"{\"members\":[{\"userID\":\"a\"}]}", "{\"members\":[{\"userID\":\"a\",\"role\":\"member\"},{\"role\":\"member\"}]}",
	};
	struct member_change *changes = NULL;
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
		assert_int_equal(members_of(TX_MEMBER_ADDED, wrong[i], &changes), -1);
	assert_int_equal(members_of(TX_MEMBER_REMOVED, "{\"userID\":7}", &changes), -1);
	assert_int_equal(members_of(TX_ROLE_CHANGED, "{\"userID\":\"bob\"}", &changes), -1);
	struct transaction tx = {.type = TX_ROLE_CHANGED};
	assert_int_equal(transaction_members(&tx, &changes), -1);
	assert_null(changes);
}

static void an_erased_copy_has_the_same_head_and_no_text(void **state)
{
	(void)state;
	struct transaction tx = sample();
	for (int which = 0; which < 4; which++) {
		struct transaction *erased = transaction_erased(&tx, which & 1, which & 2);
		assert_same_head(&tx, erased);
		assert_int_equal(erased->body.erased, which & 1);
		assert_int_equal(erased->quote.erased, which >> 1);
		assert_int_equal(erased->body.text == NULL, which & 1);
		assert_int_equal(erased->quote.len, which & 2 ? 0 : tx.quote.len);
		assert_int_equal(memcmp(erased->body.salt, tx.body.salt, ID_BYTES) != 0, which & 1);
		assert_int_equal(memcmp(erased->key_hash, tx.key_hash, ID_BYTES) != 0, which & 1);
		struct transaction *twice = transaction_erased(erased, which & 1, which & 2);
		assert_same_head(&tx, twice);
		transaction_free(twice);
		transaction_free(erased);
	}
}

/* The hash of a command is one of its text as well: nobody who has the store may try out texts on it. */
static void nothing_of_an_erased_copy_depends_on_the_text_but_what_the_salt_hides(void **state)
{
	(void)state;
	struct transaction tx = sample();
	struct transaction *erased = transaction_erased(&tx, true, true);
	static const unsigned char nothing[ID_BYTES];
	assert_memory_equal(erased->key_hash, nothing, ID_BYTES);
	transaction_free(erased);
}

static void of_an_erased_one_any_command_counts_as_the_same(void **state)
{
	(void)state;
	struct transaction tx = sample();
	unsigned char other[ID_BYTES] = "another";
	assert_true(transaction_is_repeated(&tx, tx.key_hash));
	assert_false(transaction_is_repeated(&tx, other));
	struct transaction *erased = transaction_erased(&tx, true, false);
	assert_true(transaction_is_repeated(erased, tx.key_hash));
	assert_true(transaction_is_repeated(erased, other));
	transaction_free(erased);
}

static void what_was_made_with_the_first_encoding_stays_with_it(void **state)
{
	(void)state;
	struct transaction tx = sample();
	tx.first_encoding = true;
	unsigned char other[ID_BYTES] = "another";
	struct transaction *erased = transaction_erased(&tx, true, true);
	assert_same_head(&tx, erased);
	assert_true(erased->first_encoding);
	assert_true(transaction_is_repeated(erased, tx.key_hash));
	assert_false(transaction_is_repeated(erased, other));
	transaction_free(erased);
}

static void what_never_had_a_text_is_not_made_to_look_erased(void **state)
{
	(void)state;
	struct transaction tx = sample();
	tx.quote = (struct sealed){0};
	struct transaction *erased = transaction_erased(&tx, true, true);
	assert_false(erased->quote.erased);
	assert_false(erased->quote.present);
	assert_same_head(&tx, erased);
	transaction_free(erased);
}

static void only_a_deletion_that_says_so_keeps_quotes(void **state)
{
	(void)state;
	static const struct {
		enum transaction_type type;
		const char *body;
		bool keeps;
	} cases[] = {
		{TX_DELETE, "{\"quotes\":\"keep\"}", true},
		{TX_DELETE, "{\"quotes\":\"erase\"}", false},
		{TX_DELETE, "{\"quotes\":1}", false},
		{TX_DELETE, "{}", false},
		{TX_DELETE, "keep", false},
		{TX_DELETE, NULL, false},
		{TX_MESSAGE, "{\"quotes\":\"keep\"}", false},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct transaction tx = {.type = cases[i].type};
		if (cases[i].body)
			sealed_set(&tx.body, cases[i].body, strlen(cases[i].body));
		assert_int_equal(transaction_keeps_quotes(&tx), cases[i].keeps);
	}
}

static bool group_of(const char *body, struct group_change *change)
{
	struct transaction tx = {.type = TX_GROUP_UPDATED};
	sealed_set(&tx.body, body, strlen(body));
	return transaction_group(&tx, change);
}

static void a_group_change_names_what_changes(void **state)
{
	(void)state;
	struct group_change change;
	assert_true(group_of("{\"name\":\"We\",\"icon\":\"\",\"history\":\"all\"}", &change));
	assert_string_equal(change.name, "We");
	assert_string_equal(change.icon, "");
	assert_int_equal(change.history, 1);
	group_change_fini(&change);
	assert_true(group_of("{\"history\":\"own\"}", &change));
	assert_null(change.name);
	assert_null(change.icon);
	assert_int_equal(change.history, 0);
	assert_true(group_of("{}", &change));
	assert_int_equal(change.history, -1);
}

static void a_group_change_of_another_type_or_erased_changes_nothing(void **state)
{
	(void)state;
	struct group_change change;
	struct transaction tx = sample();
	assert_true(transaction_group(&tx, &change));
	assert_null(change.name);
	assert_int_equal(change.history, -1);
	tx.type = TX_GROUP_UPDATED;
	tx.body = (struct sealed){.present = true, .erased = true};
	assert_true(transaction_group(&tx, &change));
	assert_null(change.name);
}

static void a_group_change_that_is_not_what_the_type_says_is_told(void **state)
{
	(void)state;
	static const char *const wrong[] = {"", "hi", "[]", "{\"name\":1}", "{\"icon\":null}", "{\"history\":\"some\"}", "{\"history\":true}"};
	struct group_change change = {.history = 7};
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
		assert_false(group_of(wrong[i], &change));
	struct transaction tx = {.type = TX_GROUP_UPDATED};
	assert_false(transaction_group(&tx, &change));
	assert_int_equal(change.history, 7);
}

static void names_of_types_and_roles_are_those_of_the_protocol(void **state)
{
	(void)state;
	assert_string_equal(transaction_type_name(TX_MESSAGE), "message");
	assert_string_equal(transaction_type_name(TX_GROUP_DELETED), "groupDeleted");
	assert_null(transaction_type_name(0));
	assert_null(transaction_type_name(9));
	assert_null(transaction_type_name(-1));
	enum role role = ROLE_NONE;
	assert_true(role_from_name("owner", &role));
	assert_int_equal(role, ROLE_OWNER);
	assert_false(role_from_name("none", &role));
	assert_false(role_from_name("Owner", &role));
	assert_int_equal(role, ROLE_OWNER);
	assert_string_equal(role_name(ROLE_ADMIN), "admin");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_copy_has_every_field_and_shares_no_memory),
		cmocka_unit_test(null_strings_stay_null),
		cmocka_unit_test(a_text_may_hold_any_byte),
		cmocka_unit_test(many_threads_hold_and_drop_one_transaction),
		cmocka_unit_test(the_head_is_the_one_that_was_always_given_out),
		cmocka_unit_test(every_field_but_the_position_changes_the_head),
		cmocka_unit_test(a_missing_key_is_not_an_empty_one),
		cmocka_unit_test(no_byte_can_move_from_one_field_to_the_next),
		cmocka_unit_test(an_empty_text_is_not_a_missing_one),
		cmocka_unit_test(the_same_text_is_sealed_differently_each_time),
		cmocka_unit_test(the_head_depends_on_the_one_before),
		cmocka_unit_test(key64_is_stable_and_keeps_sender_and_key_apart),
		cmocka_unit_test(members_added_come_with_their_roles),
		cmocka_unit_test(a_removed_member_has_no_role),
		cmocka_unit_test(a_changed_role_is_the_new_one),
		cmocka_unit_test(other_types_and_erased_bodies_change_nobody),
		cmocka_unit_test(a_body_that_is_not_what_the_type_says_is_told),
		cmocka_unit_test(an_erased_copy_has_the_same_head_and_no_text),
		cmocka_unit_test(nothing_of_an_erased_copy_depends_on_the_text_but_what_the_salt_hides),
		cmocka_unit_test(of_an_erased_one_any_command_counts_as_the_same),
		cmocka_unit_test(what_was_made_with_the_first_encoding_stays_with_it),
		cmocka_unit_test(what_never_had_a_text_is_not_made_to_look_erased),
		cmocka_unit_test(only_a_deletion_that_says_so_keeps_quotes),
		cmocka_unit_test(a_group_change_names_what_changes),
		cmocka_unit_test(a_group_change_of_another_type_or_erased_changes_nothing),
		cmocka_unit_test(a_group_change_that_is_not_what_the_type_says_is_told),
		cmocka_unit_test(names_of_types_and_roles_are_those_of_the_protocol),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
