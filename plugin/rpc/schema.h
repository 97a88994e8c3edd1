/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause */
#ifndef HC_RPC_SCHEMA_H
#define HC_RPC_SCHEMA_H
/* JSON Schemas of what the table says. Each belongs to the caller. Run by rpc_manual only; pure. */

#include "plugin/rpc/table.h"

/* Shapes are referred to as <refs><name>. */
json_t *schema_fields(const struct field *fields, const char *refs);
/* The schema of a shape by its name, as it stands at <refs><name>. */
json_t *schema_shape(const struct shape *shape, const char *refs);
/* {"error": {…}} */
json_t *schema_error(void);

/* The text: indented, members in the order they were set, a newline at the end. Takes the json over. */
void schema_print(json_t *json, struct buf *out);

#endif
