/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * What operators send. Whatever passes the checks of the table is a line in the log that stays a line, and has all that its command needs. */
#include <string.h>

#include "plugin/broker/control_table.h"
#include "tests/fuzz/fuzz.h"

static void check_passed(const struct control_command *command, const json_t *object)
{
	struct buf out = BUF_EMPTY;
	for (const struct control_argument *argument = command->arguments; argument->name != NULL; argument++) {
		const json_t *value = json_object_get(object, argument->name);
		FUZZ_CHECK(value != NULL || !argument->required);
		if (argument->type == CONTROL_NUMBER && value != NULL)
			FUZZ_CHECK(json_integer_value(value) >= 0 && (uint64_t)json_integer_value(value) <= argument->max);
		if (json_is_string(value))
			FUZZ_CHECK(json_string_length(value) == strlen(json_string_value(value)));
	}
	control_add_arguments(command, object, &out);
	for (size_t i = 0; i < out.len; i++)
		FUZZ_CHECK((unsigned char)out.data[i] >= ' ');
	buf_fini(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct error err = {0};
	size_t i;
	const json_t *object;
	json_t *commands = control_read((const char *)data, size, &err);
	FUZZ_CHECK(commands != NULL || err.text[0]);
	json_array_foreach(commands, i, object) {
		const char *name = json_string_value(json_object_get(object, "command"));
		const struct control_command *command = name != NULL ? control_find(name) : NULL;
		if (command != NULL && control_check(command, object, &err))
			check_passed(command, object);
	}
	json_decref(commands);
	return 0;
}
