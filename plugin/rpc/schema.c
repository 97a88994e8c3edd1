/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * JSON Schemas (2020-12) made from the table. Run by rpc_manual only; pure. Lengths count bytes with us and characters in a schema: what
 * a schema allows is therefore a little more than what is taken. */
#include "plugin/rpc/schema.h"

#include <stdlib.h>
#include <string.h>

#include "plugin/chat/refusal.h"

static json_t *type_of(const char *type)
{
	return json_pack("{ss}", "type", type);
}

static void set_number(json_t *schema, const char *name, uint64_t number)
{
	json_object_set_new(schema, name, json_integer((json_int_t)number));
}

static json_t *argument_number(const struct argument *argument)
{
	json_t *schema = type_of("integer");
	set_number(schema, "minimum", argument->min);
	if (argument->type == ARGUMENT_NUMBER)
		set_number(schema, "maximum", argument->max);
	return schema;
}

static json_t *argument_positions(const struct argument *argument)
{
	json_t *schema = type_of("object");
	json_t *position = type_of("integer");
	set_number(position, "minimum", 0);
	set_number(position, "maximum", RPC_NUMBER_MAX);
	set_number(schema, "maxProperties", argument->max);
	json_object_set_new(schema, "additionalProperties", position);
	return schema;
}

static json_t *argument_text(const struct argument *argument)
{
	json_t *schema = type_of("string");
	if (argument->type == ARGUMENT_BODY)
		return schema;
	set_number(schema, "minLength", argument->min);
	set_number(schema, "maxLength", argument->max);
	if (argument->type == ARGUMENT_CHAT)
		json_object_set_new(schema, "pattern", json_string("^[^/+#]+$"));
	return schema;
}

static json_t *argument_users(const struct argument *argument)
{
	json_t *schema = json_pack("{ss s{ss si si} sb}", "type", "array", "items", "type", "string", "minLength", 1, "maxLength", USER_ID_MAX,
		"uniqueItems", 1);
	set_number(schema, "minItems", argument->min);
	set_number(schema, "maxItems", argument->max);
	return schema;
}

static json_t *argument_choice(const struct argument *argument)
{
	json_t *choices = json_array();
	for (const char *const *choice = argument->choices; *choice != NULL; choice++)
		json_array_append_new(choices, json_string(*choice));
	return json_pack("{so}", "enum", choices);
}

static json_t *arguments_schema(const struct argument *arguments);

static json_t *argument_schema(const struct argument *argument)
{
	switch (argument->type) {
	case ARGUMENT_NUMBER:
	case ARGUMENT_PAGE_SIZE:
		return argument_number(argument);
	case ARGUMENT_POSITIONS:
		return argument_positions(argument);
	case ARGUMENT_USERS:
		return argument_users(argument);
	case ARGUMENT_FLAG:
		return type_of("boolean");
	case ARGUMENT_CHOICE:
		return argument_choice(argument);
	case ARGUMENT_OBJECT:
		return arguments_schema(argument->members);
	default:
		return argument_text(argument);
	}
}

static void set_argument(json_t *properties, const char *name, const struct argument *argument)
{
	json_t *schema = argument_schema(argument);
	json_object_set_new(schema, "description", json_string(argument->help));
	json_object_set_new(properties, name, schema);
}

static json_t *arguments_schema(const struct argument *arguments)
{
	json_t *properties = json_object(), *required = json_array(), *either = json_array();
	for (const struct argument *argument = arguments; argument->name != NULL; argument++) {
		set_argument(properties, argument->name, argument);
		if (argument->also != NULL)
			set_argument(properties, argument->also, argument);
		if (argument->required && argument->also != NULL)
			json_array_append_new(either, json_pack("{s[{s[s]} {s[s]}]}", "oneOf", "required", argument->name, "required", argument->also));
		else if (argument->required)
			json_array_append_new(required, json_string(argument->name));
	}
	json_t *schema = type_of("object");
	json_object_set_new(schema, "properties", properties);
	json_object_set_new(schema, "required", required);
	if (json_array_size(either) > 0)
		json_object_set(schema, "allOf", either);
	json_decref(either);
	json_object_set_new(schema, "additionalProperties", json_false());
	return schema;
}

static json_t *reference(const char *refs, const char *name)
{
	return json_pack("{ss+}", "$ref", refs, name);
}

static json_t *field_schema(const struct field *field, const char *refs)
{
	switch (field->type) {
	case FIELD_TEXT:
		return type_of("string");
	case FIELD_NUMBER:
	case FIELD_TIME:
		return type_of("integer");
	case FIELD_BOOL:
		return type_of("boolean");
	case FIELD_TEXTS:
		return json_pack("{ss so}", "type", "array", "items", type_of("string"));
	case FIELD_OBJECT:
		return reference(refs, field->shape);
	case FIELD_OBJECTS:
		return json_pack("{ss so}", "type", "array", "items", reference(refs, field->shape));
	case FIELD_MAP:
		return json_pack("{ss so}", "type", "object", "additionalProperties", reference(refs, field->shape));
	}
	abort();
}

/* No additionalProperties: later versions add members. */
json_t *schema_fields(const struct field *fields, const char *refs)
{
	json_t *properties = json_object(), *required = json_array();
	for (; fields->name != NULL; fields++) {
		json_t *schema = field_schema(fields, refs);
		json_object_set_new(schema, "description", json_string(fields->help));
		json_object_set_new(properties, fields->name, schema);
		if (!fields->optional)
			json_array_append_new(required, json_string(fields->name));
	}
	json_t *schema = type_of("object");
	json_object_set_new(schema, "properties", properties);
	json_object_set_new(schema, "required", required);
	return schema;
}

json_t *schema_shape(const struct shape *shape, const char *refs)
{
	json_t *schema;
	if (shape->fields != NULL)
		schema = schema_fields(shape->fields, refs);
	else if (strcmp(shape->name, "Transaction") == 0)
		schema = json_pack("{ss}", "$ref", "transaction.json");
	else
		schema = json_pack("{ss s{s{ss} s{ss} s{ss} s{ss}}}", "type", "object", "properties", "type", "type", "string", "userID", "type",
			"string", "received", "type", "integer", "read", "type", "integer");
	json_object_set_new(schema, "description", json_string(shape->help));
	return schema;
}

json_t *schema_error(void)
{
	json_t *codes = json_array();
	for (enum refusal code = REFUSAL_BAD_REQUEST; code <= REFUSAL_UNAVAILABLE; code++)
		json_array_append_new(codes, json_string(refusal_name(code)));
	json_t *error = json_pack("{ss s{s{so} s{ss ss} s{ss ss}} s[ss]}", "type", "object", "properties", "code", "enum", codes, "message",
		"type", "string", "description", "Names the field. For people.", "retryAfter", "type", "integer", "description", "Milliseconds.",
		"required", "code", "message");
	return json_pack("{ss s{so} s[s]}", "type", "object", "properties", "error", error, "required", "error");
}

void schema_print(json_t *json, struct buf *out)
{
	char *text = json_dumps(json, JSON_INDENT(2));
	if (text == NULL)
		abort(); /* out of memory, or a string of the table is not UTF-8 */
	buf_add_text(out, text);
	buf_add_char(out, '\n');
	free(text);
	json_decref(json);
}

const char *rpc_print_schema(size_t i, struct buf *out)
{
	const struct rpc_operation *operation = operation_at(i);
	if (operation == NULL)
		return NULL;
	json_t *schema = json_pack("{ss ss+ ss ss}", "$schema", "https://json-schema.org/draft/2020-12/schema", "title", "Arguments of ",
		operation->name, "$comment", "Made by rpc_manual from plugin/rpc/table.c.", "description", operation->help);
	json_t *arguments = arguments_schema(operation->arguments);
	json_object_update(schema, arguments);
	json_decref(arguments);
	schema_print(schema, out);
	return operation->name;
}
