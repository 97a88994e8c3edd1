# cmake -DMUTANT=x.txt -DROOT=project -DOUT=dir -P mutate.cmake
#
# Plants a bug: copies the files that the mutant names below OUT, with its replacements made. Each old text must stand in its file exactly
# once; otherwise the code has moved on and the build stops, since a mutant that changes nothing proves nothing.
cmake_minimum_required(VERSION 3.25)
file(READ "${MUTANT}" rest)

function(take_until mark result) # cuts `rest` behind the mark; what was before it is the result
  string(FIND "${rest}" "${mark}" at)
  if(at EQUAL -1)
    message(FATAL_ERROR "${MUTANT}: '${mark}' is missing")
  endif()
  string(SUBSTRING "${rest}" 0 ${at} before)
  string(LENGTH "${mark}" length)
  math(EXPR at "${at} + ${length}")
  string(SUBSTRING "${rest}" ${at} -1 rest)
  set(rest "${rest}" PARENT_SCOPE)
  set(${result} "${before}" PARENT_SCOPE)
endfunction()

string(FIND "${rest}" "\nfile: " next)
if(next EQUAL -1)
  message(FATAL_ERROR "${MUTANT}: it names no file")
endif()
while(NOT next EQUAL -1)
  take_until("\nfile: " why)
  take_until("\n<<<<\n" path)
  take_until("====\n" old)
  take_until(">>>>\n" new)
  if(path IN_LIST changed) # by a replacement before this one
    file(READ "${OUT}/${path}" text)
  else()
    file(READ "${ROOT}/${path}" text)
  endif()
  string(FIND "${text}" "${old}" first)
  string(FIND "${text}" "${old}" last REVERSE)
  if(first EQUAL -1 OR NOT first EQUAL last)
    message(FATAL_ERROR "${MUTANT} no longer fits ${path}: this text must stand there exactly once:\n${old}")
  endif()
  string(REPLACE "${old}" "${new}" text "${text}")
  file(WRITE "${OUT}/${path}" "${text}")
  list(APPEND changed "${path}")
  string(FIND "${rest}" "\nfile: " next)
endwhile()
