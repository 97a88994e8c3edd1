/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * The table as Markdown, for docs/protocol.md. Run by rpc_manual only; pure. */
#include <inttypes.h>

#include "plugin/rpc/table.h"

static void print_argument_type(struct buf *out, const struct argument *argument)
{
	switch (argument->type) {
	case ARGUMENT_NUMBER:
		buf_add_text(out, "integer");
		if (argument->max < RPC_NUMBER_MAX)
			buf_printf(out, ", %" PRIu64 " to %" PRIu64, argument->min, argument->max);
		else
			buf_printf(out, ", from %" PRIu64, argument->min);
		break;
	case ARGUMENT_PAGE_SIZE:
		buf_add_text(out, "integer, 1 to `page_max`");
		break;
	case ARGUMENT_BODY:
		buf_add_text(out, "string, up to `body_max` bytes");
		break;
	case ARGUMENT_USERS:
		buf_printf(out, "[string], %" PRIu64 " to %" PRIu64, argument->min, argument->max);
		break;
	case ARGUMENT_FLAG:
		buf_add_text(out, "boolean");
		break;
	case ARGUMENT_CHOICE:
		for (const char *const *choice = argument->choices; *choice != NULL; choice++)
			buf_printf(out, choice == argument->choices ? "`\"%s\"`" : ", `\"%s\"`", *choice);
		break;
	case ARGUMENT_OBJECT:
		buf_add_text(out, "object");
		break;
	case ARGUMENT_POSITIONS:
		buf_printf(out, "object, up to %" PRIu64 " chats: `{\"<chatID>\": <transactionID>}`", argument->max);
		break;
	default:
		buf_printf(out, "string, %" PRIu64 " to %" PRIu64 " bytes", argument->min, argument->max);
	}
}

static void print_argument(struct buf *out, const char *before, const struct argument *argument)
{
	buf_printf(out, "| `%s%s`", before, argument->name);
	if (argument->also != NULL)
		buf_printf(out, " or `%s`", argument->also);
	buf_printf(out, "%s | ", argument->required ? " (required)" : "");
	print_argument_type(out, argument);
	buf_printf(out, " | %s |\n", argument->help);
}

static void print_arguments(struct buf *out, const struct argument *arguments)
{
	if (arguments->name == NULL) {
		buf_add_text(out, "No arguments.\n\n");
		return;
	}
	buf_add_text(out, "| argument | | |\n|---|---|---|\n");
	for (; arguments->name != NULL; arguments++) {
		struct buf before = BUF_EMPTY;
		print_argument(out, "", arguments);
		buf_printf(&before, "%s.", arguments->name);
		for (const struct argument *member = arguments->members; member != NULL && member->name != NULL; member++)
			print_argument(out, before.data, member);
		buf_fini(&before);
	}
	buf_add_char(out, '\n');
}

static void print_field_type(struct buf *out, const struct field *field)
{
	static const char *const formats[] = {
		[FIELD_TEXT] = "string",
		[FIELD_NUMBER] = "integer",
		[FIELD_TIME] = "integer, ms since 1970",
		[FIELD_BOOL] = "boolean",
		[FIELD_TEXTS] = "[string]",
	};
	if (field->type <= FIELD_TEXTS)
		buf_add_text(out, formats[field->type]);
	else if (field->type == FIELD_OBJECT)
		buf_add_text(out, field->shape);
	else
		buf_printf(out, field->type == FIELD_OBJECTS ? "[%s]" : "{chatID: %s}", field->shape);
}

static void print_fields(struct buf *out, const struct field *fields, const char *title)
{
	buf_printf(out, "| %s | | |\n|---|---|---|\n", title);
	for (; fields->name != NULL; fields++) {
		buf_printf(out, "| `%s`%s | ", fields->name, fields->optional ? "?" : "");
		print_field_type(out, fields);
		buf_printf(out, " | %s |\n", fields->help);
	}
	buf_add_char(out, '\n');
}

static void print_operation(struct buf *out, const struct rpc_operation *operation)
{
	buf_printf(out, "### %s\n\n%s\n\nWho: %s.%s\n\n", operation->name, operation->help, operation->who,
		operation->kind == RPC_COMMAND ? " With an `<id>`, a repetition is answered with the first result." : "");
	print_arguments(out, operation->arguments);
	print_fields(out, operation->result, "result");
}

void rpc_print_reference(struct buf *out)
{
	const struct rpc_operation *operation;
	for (size_t i = 0; (operation = operation_at(i)) != NULL; i++)
		print_operation(out, operation);
	buf_add_text(out, "### Objects\n\n`?` marks what may be missing.\n\n");
	const struct shape *shape;
	for (size_t i = 0; (shape = shape_at(i)) != NULL; i++) {
		buf_printf(out, "**%s**: %s\n\n", shape->name, shape->help);
		if (shape->fields != NULL)
			print_fields(out, shape->fields, "member");
	}
}
