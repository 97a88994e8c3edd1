# cmake --install: what goes where, as Debian's own mosquitto package does it. By file names, which are fixed (docs/protocol.md), so that a
# build of a few targets can be installed as far as it goes. The components are the two packages of cmake/package.cmake.
include(GNUInstallDirs)

# Plugins live in the multiarch directory, beside mosquitto_dynamic_security.so, whatever the prefix.
if(CMAKE_LIBRARY_ARCHITECTURE)
  set(HC_PLUGIN_DIR "lib/${CMAKE_LIBRARY_ARCHITECTURE}")
else()
  set(HC_PLUGIN_DIR "${CMAKE_INSTALL_LIBDIR}")
endif()
set(HC_EXAMPLES_DIR "share/doc/mosquitto-hyperchat/examples")

install(FILES "${PROJECT_BINARY_DIR}/mosquitto_hyperchat.so" DESTINATION "${HC_PLUGIN_DIR}" COMPONENT plugin)
install(DIRECTORY "${PROJECT_SOURCE_DIR}/schema/" DESTINATION share/hyperchat/schema COMPONENT plugin FILES_MATCHING PATTERN "*.json")
foreach(sample limits.conf options.conf tls.conf websocket.conf websocket-tls.conf letsencrypt alerts.yml grafana.json)
  install(FILES "${PROJECT_SOURCE_DIR}/conf/hyperchat-${sample}" DESTINATION "${HC_EXAMPLES_DIR}" COMPONENT plugin)
endforeach()

# With what it leads to: beside docs/ it finds conf and schema as in the source. Of the source itself nothing is installed.
install(FILES "${PROJECT_SOURCE_DIR}/README.md" DESTINATION share/doc/mosquitto-hyperchat COMPONENT plugin)
install(DIRECTORY "${PROJECT_SOURCE_DIR}/docs/" DESTINATION share/doc/mosquitto-hyperchat/docs COMPONENT plugin FILES_MATCHING PATTERN "*.md" PATTERN "*.png" PATTERN "*.svg" PATTERN "kafka-consumer.py"
  PATTERN "hyperchat.*mts" PATTERN "hyperchat.mjs")
install(CODE "
  set(HC_DOC \"\$ENV{DESTDIR}\${CMAKE_INSTALL_PREFIX}/share/doc/mosquitto-hyperchat\")
  file(CREATE_LINK examples \"\${HC_DOC}/conf\" SYMBOLIC)
  file(CREATE_LINK ../../hyperchat/schema \"\${HC_DOC}/schema\" SYMBOLIC)
" COMPONENT plugin)

# These name the plugin where --prefix put it, so they are written when installing. They are examples and nothing loads them by itself.
install(CODE "
  set(HC_PLUGIN_PATH \"\${CMAKE_INSTALL_PREFIX}/${HC_PLUGIN_DIR}/mosquitto_hyperchat.so\")
  foreach(name hyperchat laptop one-server many-servers)
    set(sample \"\$ENV{DESTDIR}\${CMAKE_INSTALL_PREFIX}/${HC_EXAMPLES_DIR}/\${name}.conf\")
    configure_file(\"${PROJECT_SOURCE_DIR}/conf/\${name}.conf\" \"\${sample}\" @ONLY)
    message(STATUS \"Installing: \${sample}\")
  endforeach()
" COMPONENT plugin)

install(FILES "${PROJECT_BINARY_DIR}/mosquitto_ctrl_hyperchat.so" DESTINATION "${HC_PLUGIN_DIR}" COMPONENT ctl)
install(PROGRAMS "${PROJECT_BINARY_DIR}/hyperchatctl" DESTINATION bin COMPONENT ctl)
install(FILES "${PROJECT_BINARY_DIR}/hyperchatctl.1" DESTINATION share/man/man1 COMPONENT ctl)
install(FILES "${PROJECT_SOURCE_DIR}/packaging/hyperchatctl.bash-completion" DESTINATION share/bash-completion/completions RENAME hyperchatctl
  COMPONENT ctl)
