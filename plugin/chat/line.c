/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * Transactions as lines of JSON. Written by hand into a buffer, since this is done for every transaction; member names and their order
 * are docs/protocol.md's. Pure; any thread. */
#include "plugin/chat/line.h"

#include <string.h>

#include "base/json.h"
#include "base/text.h"

const char *line_command_id(const struct transaction *tx)
{
	const char *key = tx->key;
	if (key != NULL && key[0] == KEY_AGAIN)
		key += strcspn(key, "/") + 1;
	return key != NULL && key[0] > KEY_AGAIN ? key : NULL;
}

static void add_member(struct buf *out, const char *name, const char *text)
{
	buf_add_text(out, name);
	json_add_string(out, text, strlen(text));
}

static void add_start(struct buf *out, const struct transaction *tx, const char *type)
{
	add_member(out, "{\"chatID\":", tx->chat_id);
	buf_add_text(out, ",\"transactionID\":");
	buf_add_u64(out, tx->number);
	buf_add_text(out, ",\"type\":\"");
	buf_add_text(out, type);
	buf_add_char(out, '"');
}

static void add_end(struct buf *out, const struct transaction *tx)
{
	char head[ID_TEXT_LEN + 1];
	base64url_encode(tx->head, HEAD_BYTES, head);
	buf_add_text(out, ",\"head\":\"");
	buf_add_text(out, head);
	buf_add_text(out, "\"}");
}

void line_add_void(struct buf *out, const struct transaction *tx)
{
	add_start(out, tx, "void");
	add_end(out, tx);
}

void line_add_latest(struct buf *out, const char *chat_id, uint64_t number)
{
	buf_add_text(out, "{\"type\":\"latest\"");
	add_member(out, ",\"chatID\":", chat_id);
	buf_add_text(out, ",\"transactionID\":");
	buf_add_u64(out, number);
	buf_add_char(out, '}');
}

static void add_reply(struct buf *out, const struct transaction *tx, const struct line_texts *texts)
{
	buf_add_text(out, ",\"repliedTo\":{\"messageID\":");
	buf_add_u64(out, tx->target);
	if (tx->quote.text != NULL && tx->quote_revision > tx->target) {
		buf_add_text(out, ",\"revision\":");
		buf_add_u64(out, tx->quote_revision);
	}
	if (texts->quote != NULL) {
		buf_add_text(out, ",\"body\":");
		json_add_string(out, texts->quote, texts->quote_len);
	}
	buf_add_char(out, '}');
}

static void add_message(struct buf *out, const struct transaction *tx, const struct line_texts *texts)
{
	if (texts->body != NULL) {
		buf_add_text(out, ",\"body\":");
		json_add_string(out, texts->body, texts->body_len);
	}
	if (tx->content_type != NULL)
		add_member(out, ",\"contentType\":", tx->content_type);
	if (tx->client_time_ms != 0) {
		buf_add_text(out, ",\"clientTime\":");
		buf_add_i64(out, tx->client_time_ms);
	}
	if (tx->type == TX_MESSAGE && tx->target != 0)
		add_reply(out, tx, texts);
	if (texts->cut)
		buf_add_text(out, ",\"cut\":true");
	if (texts->encrypted && (texts->body != NULL || texts->quote != NULL))
		buf_add_text(out, ",\"encrypted\":true");
}

/* The members of a membership or group transaction's body become members of the line. */
static void add_details(struct buf *out, const struct transaction *tx)
{
	if (tx->body.text == NULL || tx->body.len <= 2)
		return;
	buf_add_char(out, ',');
	buf_add(out, tx->body.text + 1, tx->body.len - 2); /* without its braces */
}

static bool has_text(const struct transaction *tx)
{
	return tx->type == TX_MESSAGE || tx->type == TX_EDIT;
}

static bool is_void(const struct transaction *tx)
{
	return tx->body.erased || (has_text(tx) && tx->body.text == NULL);
}

const char *line_type(const struct transaction *tx)
{
	return is_void(tx) ? "void" : transaction_type_name(tx->type);
}

void line_add_with(struct buf *out, const struct transaction *tx, const struct line_texts *texts)
{
	if (is_void(tx)) {
		line_add_void(out, tx);
		return;
	}
	add_start(out, tx, transaction_type_name(tx->type));
	add_member(out, ",\"senderID\":", tx->sender_id);
	buf_add_text(out, ",\"at\":");
	buf_add_i64(out, tx->at_ms);
	if (tx->type <= TX_DELETE) {
		buf_add_text(out, ",\"messageID\":");
		buf_add_u64(out, tx->type == TX_MESSAGE ? tx->number : tx->target);
	}
	if (has_text(tx))
		add_message(out, tx, texts);
	else
		add_details(out, tx);
	const char *command_id = line_command_id(tx);
	if (command_id != NULL)
		add_member(out, ",\"commandID\":", command_id);
	add_end(out, tx);
}

/* Its own texts, of each at most max bytes. */
static void add_line(struct buf *out, const struct transaction *tx, size_t max)
{
	struct line_texts texts = {.body = tx->body.text, .quote = tx->quote.text};
	texts.body_len = texts.body != NULL ? text_cut(texts.body, tx->body.len, max) : 0;
	texts.quote_len = texts.quote != NULL ? text_cut(texts.quote, tx->quote.len, max) : 0;
	texts.cut = (texts.body != NULL && texts.body_len < tx->body.len) || (texts.quote != NULL && texts.quote_len < tx->quote.len);
	line_add_with(out, tx, &texts);
}

void line_add(struct buf *out, const struct transaction *tx)
{
	add_line(out, tx, SIZE_MAX);
}

static void cut_back(struct buf *out, size_t len)
{
	out->len = len;
	out->data[len] = '\0';
}

bool line_add_within(struct buf *out, const struct transaction *tx, size_t max)
{
	size_t start = out->len;
	size_t body_max = SIZE_MAX;
	for (int attempt = 0; attempt < 4; attempt++) {
		add_line(out, tx, body_max);
		size_t len = out->len - start;
		if (len <= max)
			return true;
		cut_back(out, start);
		/* Escapes make a byte of the body up to six of the line: cut what is too much, then in halves. */
		size_t body_len = tx->body.len < body_max ? tx->body.len : body_max;
		size_t excess = len - max + sizeof ",\"cut\":true";
		body_max = attempt == 2 || excess >= body_len ? 0 : body_len - excess;
	}
	line_add_latest(out, tx->chat_id, tx->number);
	if (out->len - start <= max)
		return true;
	cut_back(out, start);
	return false;
}

void line_add_text(struct buf *out, const struct transaction *tx)
{
	const char *text = tx->body.text;
	if (text == NULL)
		return; /* erased */
	buf_reserve(out, tx->body.len);
	for (size_t i = 0; i < tx->body.len; i++) {
		unsigned char c = (unsigned char)text[i];
		if (c == 0xC2 && i + 1 < tx->body.len && (unsigned char)text[i + 1] < 0xA0) {
			buf_add_char(out, ' '); /* U+0080-U+009F are control characters as well */
			i++;
		} else {
			buf_add_char(out, (c < 0x20 && c != '\t') || c == 0x7F ? ' ' : (char)c);
		}
	}
}
