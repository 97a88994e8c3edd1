# SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
#
# cmake -DOUT=migrations.c -DBACKEND=sqlite -DHEADER=storage/sqlite/db.h "-DFILES=a.sql;b.sql" -P embed.cmake: numbered files of schema/BACKEND as
# an array of strings, BACKEND_migrations, which HEADER declares with BACKEND_schema_version. The numbers must be 1, 2, 3, …
set(text "/* Made from schema/${BACKEND} by embed.cmake. */\n#include \"${HEADER}\"\n\nconst char *const ${BACKEND}_migrations[] = {\n")
set(expected 0)
foreach(file IN LISTS FILES)
  math(EXPR expected "${expected} + 1")
  get_filename_component(name "${file}" NAME)
  string(REGEX MATCH "^[0-9][0-9][0-9][0-9]_" prefix "${name}")
  string(REGEX REPLACE "^0*([0-9]+)_$" "\\1" number "${prefix}")
  if(NOT number EQUAL expected)
    message(FATAL_ERROR "${name}: migration ${expected} is expected here")
  endif()
  file(READ "${file}" content)
  string(REPLACE "\\" "\\\\" content "${content}")
  string(REPLACE "\"" "\\\"" content "${content}")
  string(REPLACE "\n" "\\n\"\n\t\"" content "${content}")
  string(APPEND text "\t\"${content}\",\n")
endforeach()
string(APPEND text "};\nconst int ${BACKEND}_schema_version = ${expected};\n")
file(WRITE "${OUT}" "${text}")
