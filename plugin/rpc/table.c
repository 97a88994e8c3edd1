/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * The operations: the one place that says what a client can call, with which arguments, and what comes back. The rows stand in a file for
 * each area, table_*.c; here is their order. Validation, the schemas and the reference are made from them; a test compares every kind of
 * answer with them. */
#include "plugin/rpc/table.h"

#include <string.h>

static const struct area {
	const struct rpc_operation *operations;
	const struct shape *shapes;
} AREAS[] = {
	{operations_server, shapes_server},
	{operations_messages, shapes_messages},
	{operations_chats, shapes_chats},
	{operations_groups, shapes_groups},
	{operations_catchup, shapes_catchup},
	{operations_people, shapes_people},
	{operations_devices, shapes_devices},
};
enum { AREA_COUNT = sizeof AREAS / sizeof AREAS[0] };

const struct rpc_operation *operation_at(size_t i)
{
	for (size_t area = 0; area < AREA_COUNT; area++)
		for (const struct rpc_operation *operation = AREAS[area].operations; operation->name != NULL; operation++)
			if (i-- == 0)
				return operation;
	return NULL;
}

const struct shape *shape_at(size_t i)
{
	for (size_t area = 0; area < AREA_COUNT; area++)
		for (const struct shape *shape = AREAS[area].shapes; shape->name != NULL; shape++)
			if (i-- == 0)
				return shape;
	return NULL;
}

const struct shape *shape_find(const char *name)
{
	const struct shape *shape;
	for (size_t i = 0; (shape = shape_at(i)) != NULL; i++)
		if (strcmp(shape->name, name) == 0)
			return shape;
	return NULL;
}
