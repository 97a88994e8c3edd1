/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * The Message object. Pure; any thread. */
#include "plugin/rpc/message.h"

#include "base/json.h"
#include "base/text.h"
#include "plugin/rpc/write.h"

/* Returns whether something was cut off. */
static bool add_cut_text(struct buf *out, const char *name, const struct sealed *text, size_t max)
{
	size_t len = text_cut(text->text, text->len, max);
	write_name(out, name);
	json_add_string(out, text->text, len);
	return len < text->len;
}

static bool add_quote(struct buf *out, const struct transaction *tx, size_t text_max)
{
	bool cut = false;
	write_name(out, "repliedTo");
	buf_add_char(out, '{');
	write_number(out, "messageID", tx->target);
	if (tx->quote.text != NULL && tx->quote_revision > tx->target)
		write_number(out, "revision", tx->quote_revision);
	if (tx->quote.text != NULL)
		cut = add_cut_text(out, "body", &tx->quote, text_max);
	buf_add_char(out, '}');
	return cut;
}

const struct sealed *message_body(const struct shown_message *shown)
{
	/* A deleted message is erased with all of its revisions; then no edit can bring a text back. */
	if (shown->deletion != NULL || shown->message->body.text == NULL)
		return NULL;
	return shown->edit != NULL && shown->edit->body.text != NULL ? &shown->edit->body : &shown->message->body;
}

static void add_deletion(struct buf *out, const struct transaction *deletion)
{
	write_text(out, "deletedBy", deletion->sender_id);
	write_time(out, "deletedAt", deletion->at_ms);
}

static void add_message(struct buf *out, const struct shown_message *shown, size_t text_max)
{
	const struct transaction *tx = shown->message, *edit = shown->edit;
	const struct sealed *body = message_body(shown);
	bool cut = false;
	buf_add_char(out, '{');
	write_number(out, "messageID", tx->number);
	write_text(out, "senderID", tx->sender_id);
	write_time(out, "sentAt", tx->at_ms);
	if (body != NULL)
		cut = add_cut_text(out, "body", body, text_max);
	if (tx->content_type != NULL)
		write_text(out, "contentType", tx->content_type);
	if (tx->target != 0)
		cut = add_quote(out, tx, text_max) || cut;
	write_bool(out, "isEdited", edit != NULL);
	write_bool(out, "isDeleted", body == NULL);
	if (edit != NULL)
		write_time(out, "editedAt", edit->at_ms);
	if (shown->deletion != NULL)
		add_deletion(out, shown->deletion);
	if (tx->client_time_ms != 0)
		write_time(out, "clientTime", tx->client_time_ms);
	if (cut)
		write_bool(out, "cut", true);
	buf_add_char(out, '}');
}

static void add_stub(struct buf *out, uint64_t number)
{
	buf_add_char(out, '{');
	write_number(out, "messageID", number);
	write_bool(out, "cut", true);
	buf_add_char(out, '}');
}

bool message_add_within(struct buf *out, const struct shown_message *shown, size_t max)
{
	const struct sealed *body = message_body(shown);
	size_t start = out->len, text_max = SIZE_MAX, body_len = body != NULL ? body->len : 0;
	for (int attempt = 0; attempt < 3; attempt++) {
		add_message(out, shown, text_max);
		size_t len = out->len - start;
		if (len <= max)
			return true;
		out->len = start;
		/* A byte of text is up to six of JSON, so cutting the excess is enough at once; if the quote is what is long, cut everything. */
		size_t excess = len - max + sizeof ",\"cut\":true";
		text_max = attempt == 0 && excess < body_len ? body_len - excess : 0;
	}
	add_stub(out, shown->message->number);
	if (out->len - start <= max)
		return true;
	out->len = start;
	return false;
}
