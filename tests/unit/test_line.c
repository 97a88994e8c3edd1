/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * Transactions as lines: the exact JSON of each type, what is cut when there is little room, and the plain text. */
#include "chat_kit.h"

#include "base/json.h"
#include "base/text.h"
#include "plugin/chat/line.h"

/* 16 bytes "0123456789abcdef" */
#define HEAD ",\"head\":\"MDEyMzQ1Njc4OWFiY2RlZg\"}"

static struct transaction message(const char *body)
{
	struct transaction tx = {
		.chat_id = "C",
		.number = 17,
		.type = TX_MESSAGE,
		.sender_id = "alice",
		.at_ms = 1790000000000,
		.body = {.text = body, .len = body ? (uint32_t)strlen(body) : 0, .present = true},
	};
	memcpy(tx.head, "0123456789abcdef", HEAD_BYTES);
	return tx;
}

static void assert_line(const struct transaction *tx, const char *expected)
{
	struct buf out = BUF_EMPTY;
	line_add(&out, tx);
	assert_string_equal(out.data, expected);
	assert_int_equal(out.len, strlen(expected));
	json_t *json = json_read_object(out.data, out.len, NULL);
	assert_non_null(json);
	json_decref(json);
	buf_fini(&out);
}

static void test_a_message(void **state)
{
	(void)state;
	struct transaction tx = message("hi");
	assert_line(&tx, "{\"chatID\":\"C\",\"transactionID\":17,\"type\":\"message\",\"senderID\":\"alice\",\"at\":1790000000000,"
					 "\"messageID\":17,\"body\":\"hi\"" HEAD);
}

static void test_a_message_with_everything(void **state)
{
	(void)state;
	struct transaction tx = message("h\"i\n");
	tx.key = "a1";
	tx.content_type = "text/markdown";
	tx.client_time_ms = 5;
	tx.target = 12;
	tx.quote = (struct sealed){.text = "as it was", .len = 9, .present = true};
	assert_line(&tx, "{\"chatID\":\"C\",\"transactionID\":17,\"type\":\"message\",\"senderID\":\"alice\",\"at\":1790000000000,"
					 "\"messageID\":17,\"body\":\"h\\\"i\\n\",\"contentType\":\"text/markdown\",\"clientTime\":5,"
					 "\"repliedTo\":{\"messageID\":12,\"body\":\"as it was\"},\"commandID\":\"a1\"" HEAD);
}

static void test_a_quote_of_an_edited_message_says_of_which_edit(void **state)
{
	(void)state;
	struct transaction tx = message("hi");
	tx.target = tx.quote_revision = 12;
	tx.quote = (struct sealed){.text = "as it was", .len = 9, .present = true};
	assert_line(&tx, "{\"chatID\":\"C\",\"transactionID\":17,\"type\":\"message\",\"senderID\":\"alice\",\"at\":1790000000000,"
					 "\"messageID\":17,\"body\":\"hi\",\"repliedTo\":{\"messageID\":12,\"body\":\"as it was\"}" HEAD);
	tx.quote_revision = 15;
	assert_line(&tx, "{\"chatID\":\"C\",\"transactionID\":17,\"type\":\"message\",\"senderID\":\"alice\",\"at\":1790000000000,"
					 "\"messageID\":17,\"body\":\"hi\",\"repliedTo\":{\"messageID\":12,\"revision\":15,\"body\":\"as it was\"}" HEAD);
}

static void test_an_empty_message_is_a_message(void **state)
{
	(void)state;
	struct transaction tx = message("");
	assert_line(&tx, "{\"chatID\":\"C\",\"transactionID\":17,\"type\":\"message\",\"senderID\":\"alice\",\"at\":1790000000000,"
					 "\"messageID\":17,\"body\":\"\"" HEAD);
}

static void test_an_erased_quote_leaves_the_number(void **state)
{
	(void)state;
	struct transaction tx = message("hi");
	tx.target = 12;
	tx.quote = (struct sealed){.present = true, .erased = true};
	assert_line(&tx, "{\"chatID\":\"C\",\"transactionID\":17,\"type\":\"message\",\"senderID\":\"alice\",\"at\":1790000000000,"
					 "\"messageID\":17,\"body\":\"hi\",\"repliedTo\":{\"messageID\":12}" HEAD);
}

static void test_a_key_of_ours_is_not_shown(void **state)
{
	(void)state;
	struct transaction tx = message("hi");
	tx.key = "\x01w/5";
	assert_null(line_command_id(&tx));
	assert_line(&tx, "{\"chatID\":\"C\",\"transactionID\":17,\"type\":\"message\",\"senderID\":\"alice\",\"at\":1790000000000,"
					 "\"messageID\":17,\"body\":\"hi\"" HEAD);
}

static void test_a_new_accounts_command_id_is_shown_as_it_was_sent(void **state)
{
	(void)state;
	struct transaction tx = message("hi");
	tx.key = "\x03" "1790000000000/a1";
	assert_string_equal(line_command_id(&tx), "a1");
	tx.key = "\x03" "1790000000000/\x01rpc/sendMessage/a1";
	assert_null(line_command_id(&tx));
}

static void test_an_edit(void **state)
{
	(void)state;
	struct transaction tx = message("better");
	tx.type = TX_EDIT;
	tx.target = 9;
	assert_line(&tx, "{\"chatID\":\"C\",\"transactionID\":17,\"type\":\"edit\",\"senderID\":\"alice\",\"at\":1790000000000,"
					 "\"messageID\":9,\"body\":\"better\"" HEAD);
}

static void test_a_delete(void **state)
{
	(void)state;
	struct transaction tx = message(NULL);
	tx.type = TX_DELETE;
	tx.target = 9;
	tx.body = (struct sealed){0};
	assert_line(&tx, "{\"chatID\":\"C\",\"transactionID\":17,\"type\":\"delete\",\"senderID\":\"alice\",\"at\":1790000000000,"
					 "\"messageID\":9" HEAD);
}

static void test_memberships_show_what_their_body_says(void **state)
{
	(void)state;
	static const struct {
		enum transaction_type type;
		const char *name, *body, *shown;
	} cases[] = {
		{TX_MEMBER_ADDED, "memberAdded", "{\"members\":[{\"userID\":\"bob\",\"role\":\"member\"}]}",
			",\"members\":[{\"userID\":\"bob\",\"role\":\"member\"}]"},
		{TX_MEMBER_REMOVED, "memberRemoved", "{\"userID\":\"bob\"}", ",\"userID\":\"bob\""},
		{TX_ROLE_CHANGED, "roleChanged", "{\"userID\":\"bob\",\"role\":\"admin\"}", ",\"userID\":\"bob\",\"role\":\"admin\""},
		{TX_GROUP_UPDATED, "groupUpdated", "{\"name\":\"We\"}", ",\"name\":\"We\""},
		{TX_GROUP_UPDATED, "groupUpdated", "{}", ""},
		{TX_GROUP_DELETED, "groupDeleted", NULL, ""},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct transaction tx = message(cases[i].body);
		struct buf expected = BUF_EMPTY;
		tx.type = cases[i].type;
		buf_printf(&expected, "{\"chatID\":\"C\",\"transactionID\":17,\"type\":\"%s\",\"senderID\":\"alice\",\"at\":1790000000000%s" HEAD,
			cases[i].name, cases[i].shown);
		assert_line(&tx, expected.data);
		buf_fini(&expected);
	}
}

static void test_what_was_erased_is_void(void **state)
{
	(void)state;
	static const enum transaction_type types[] = {TX_MESSAGE, TX_EDIT, TX_MEMBER_ADDED, TX_GROUP_UPDATED};
	for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
		struct transaction tx = message(NULL);
		tx.type = types[i];
		tx.key = "a1";
		tx.body.erased = true;
		assert_line(&tx, "{\"chatID\":\"C\",\"transactionID\":17,\"type\":\"void\"" HEAD);
	}
}

static void test_void_tells_nothing(void **state)
{
	(void)state;
	struct transaction tx = message("secret");
	struct buf out = BUF_EMPTY;
	line_add_void(&out, &tx);
	assert_string_equal(out.data, "{\"chatID\":\"C\",\"transactionID\":17,\"type\":\"void\"" HEAD);
	buf_fini(&out);
}

static void test_latest(void **state)
{
	(void)state;
	struct buf out = BUF_EMPTY;
	line_add_latest(&out, "C", 17);
	assert_string_equal(out.data, "{\"type\":\"latest\",\"chatID\":\"C\",\"transactionID\":17}");
	buf_fini(&out);
}

/* What the cut line of a message says: true if it is one, and then its body. */
static bool is_cut_message(const struct buf *line, struct buf *body)
{
	json_t *json = json_read_object(line->data, line->len, NULL);
	assert_non_null(json);
	const char *type = json_text(json, "type", NULL);
	bool is_message = strcmp(type, "message") == 0;
	assert_true(is_message || strcmp(type, "latest") == 0);
	if (is_message) {
		size_t len;
		const char *text = json_text(json, "body", &len);
		assert_non_null(text);
		buf_clear(body);
		buf_add(body, text, len);
	}
	json_decref(json);
	return is_message;
}

/* At every limit: valid JSON, never longer, and what is shown of the body is its beginning, whole characters of it. */
static void check_every_limit(const struct transaction *tx)
{
	struct buf full = BUF_EMPTY, hint = BUF_EMPTY, out = BUF_EMPTY, body = BUF_EMPTY;
	line_add(&full, tx);
	line_add_latest(&hint, tx->chat_id, tx->number);
	for (size_t max = 0; max <= full.len + 1; max++) {
		buf_clear(&out);
		buf_add_text(&out, "before");
		bool fits = line_add_within(&out, tx, max);
		assert_int_equal(fits, max >= hint.len);
		assert_memory_equal(out.data, "before", 6);
		assert_int_equal(out.data[out.len], '\0');
		if (!fits) {
			assert_int_equal(out.len, 6);
			continue;
		}
		struct buf line = {.data = out.data + 6, .len = out.len - 6};
		assert_true(line.len <= max);
		if (max >= full.len)
			assert_string_equal(line.data, full.data);
		else if (is_cut_message(&line, &body)) {
			assert_non_null(strstr(line.data, "\"cut\":true"));
			assert_true(text_is_utf8(body.data ? body.data : "", body.len));
			assert_true(body.len <= tx->body.len);
			assert_memory_equal(body.data ? body.data : "", tx->body.text, body.len);
		}
	}
	buf_fini(&full);
	buf_fini(&hint);
	buf_fini(&out);
	buf_fini(&body);
}

static void test_a_line_is_never_longer_than_the_limit(void **state)
{
	(void)state;
	static const char *const bodies[] = {
		"",
		"x",
		"a body of some length, as people write it every day",
		"\xc3\xa4\xc3\xb6\xc3\xbc \xe2\x82\xac\xe2\x82\xac\xe2\x82\xac \xf0\x9f\x98\x80\xf0\x9f\x98\x80\xf0\x9f\x98\x80 and so on",
		"\x01\x02\x03\x04\x05\x06\x07\x08\x0b\x0c\x0e\x0f\x10\x11\x12\x13\x14\x15\x16\x17",
		"\"\\\"\\\"\\\"\\\"\\\"\\\n\n\n\t\t\tplain at the end, and then plain for a while to have something to cut",
	};
	for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++) {
		struct transaction tx = message(bodies[i]);
		check_every_limit(&tx);
		tx.key = "a1";
		tx.target = 3;
		tx.quote = (struct sealed){.text = bodies[3], .len = (uint32_t)strlen(bodies[3]), .present = true};
		check_every_limit(&tx);
	}
}

static void test_a_cut_keeps_what_fits(void **state)
{
	(void)state;
	char body[2001];
	memset(body, 'x', 2000);
	body[2000] = '\0';
	struct transaction tx = message(body);
	struct buf out = BUF_EMPTY;
	assert_true(line_add_within(&out, &tx, 1024));
	assert_true(out.len > 1000); /* plain text fills the room */
	assert_non_null(strstr(out.data, ",\"cut\":true" HEAD));
	buf_fini(&out);
}

static void test_a_long_membership_becomes_a_hint(void **state)
{
	(void)state;
	struct transaction tx = message("{\"userID\":\"somebody-with-a-long-name-that-does-not-fit\"}");
	tx.type = TX_MEMBER_REMOVED;
	struct buf out = BUF_EMPTY;
	assert_true(line_add_within(&out, &tx, 100));
	assert_string_equal(out.data, "{\"type\":\"latest\",\"chatID\":\"C\",\"transactionID\":17}");
	buf_fini(&out);
}

static void assert_text(const char *body, const char *expected)
{
	struct transaction tx = message(body);
	struct buf out = BUF_EMPTY;
	line_add_text(&out, &tx);
	assert_int_equal(out.len, strlen(expected));
	assert_memory_equal(out.data ? out.data : "", expected, out.len);
	buf_fini(&out);
}

static void test_text_is_one_line(void **state)
{
	(void)state;
	assert_text("plain", "plain");
	assert_text("", "");
	assert_text("a\tb", "a\tb");
	assert_text("a\nb\r\nc", "a b  c");
	assert_text("\x01\x1b[31m\x7f", "  [31m ");
	assert_text("a\xc2\x85"
				"b\xc2\x9f",
		"a b ");                                                                 /* NEL and its like are control characters */
	assert_text("\xc2\xa0\xc3\x85\xe2\x82\x85", "\xc2\xa0\xc3\x85\xe2\x82\x85"); /* these only look like them */
	assert_text(NULL, "");
}

static void test_text_has_no_control_character_whatever_the_body(void **state)
{
	(void)state;
	for (unsigned code = 1; code < 0x100; code++) {
		char body[4] = {0};
		if (code < 0x80)
			body[0] = (char)code;
		else
			memcpy(body, (char[]){(char)(0xC0 | code >> 6), (char)(0x80 | (code & 0x3F))}, 2);
		struct transaction tx = message(body);
		struct buf out = BUF_EMPTY;
		line_add_text(&out, &tx);
		if (code == '\t')
			assert_string_equal(out.data, "\t");
		else if (text_has_control(body, strlen(body)))
			assert_string_equal(out.data, " ");
		else
			assert_string_equal(out.data, body);
		buf_fini(&out);
	}
}

static void test_refusals_are_json(void **state)
{
	(void)state;
	struct verdict verdict;
	struct buf out = BUF_EMPTY;
	refuse(&verdict, REFUSAL_FORBIDDEN, NULL);
	verdict_add_json(&out, &verdict);
	assert_string_equal(out.data, "{\"error\":{\"code\":\"forbidden\",\"message\":\"not allowed, or there is no such thing\"}}");
	buf_clear(&out);
	refuse(&verdict, REFUSAL_RATE_LIMITED, "wait \"%d\"", 5);
	verdict.retry_after_ms = 20;
	verdict_add_json(&out, &verdict);
	assert_string_equal(out.data, "{\"error\":{\"code\":\"rate_limited\",\"message\":\"wait \\\"5\\\"\",\"retryAfter\":20}}");
	buf_fini(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_message),
		cmocka_unit_test(test_a_message_with_everything),
		cmocka_unit_test(test_a_quote_of_an_edited_message_says_of_which_edit),
		cmocka_unit_test(test_an_empty_message_is_a_message),
		cmocka_unit_test(test_an_erased_quote_leaves_the_number),
		cmocka_unit_test(test_a_key_of_ours_is_not_shown),
		cmocka_unit_test(test_a_new_accounts_command_id_is_shown_as_it_was_sent),
		cmocka_unit_test(test_an_edit),
		cmocka_unit_test(test_a_delete),
		cmocka_unit_test(test_memberships_show_what_their_body_says),
		cmocka_unit_test(test_what_was_erased_is_void),
		cmocka_unit_test(test_void_tells_nothing),
		cmocka_unit_test(test_latest),
		cmocka_unit_test(test_a_line_is_never_longer_than_the_limit),
		cmocka_unit_test(test_a_cut_keeps_what_fits),
		cmocka_unit_test(test_a_long_membership_becomes_a_hint),
		cmocka_unit_test(test_text_is_one_line),
		cmocka_unit_test(test_text_has_no_control_character_whatever_the_body),
		cmocka_unit_test(test_refusals_are_json),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
