# cpack: two Debian packages of what `cmake --install` installs. Whoever packages for another distribution takes cmake --install.
set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_VERSION "${PROJECT_VERSION}")
set(CPACK_PACKAGE_CONTACT "$ENV{DEBFULLNAME} <$ENV{DEBEMAIL}>") # whoever builds it, as Debian's own tools know him
if("$ENV{DEBEMAIL}" STREQUAL "")
  set(CPACK_PACKAGE_CONTACT "HyperChat <root@localhost>")
endif()
set(CPACK_PACKAGE_VENDOR "HyperChat")
set(CPACK_SET_DESTDIR ON)
set(CPACK_INSTALL_PREFIX /usr)
set(CPACK_PRE_BUILD_SCRIPTS "${PROJECT_SOURCE_DIR}/cmake/package_files.cmake")
set(CPACK_INSTALL_DEFAULT_DIRECTORY_PERMISSIONS OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE WORLD_READ WORLD_EXECUTE)
set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_COMPONENTS_ALL plugin ctl)
set(CPACK_COMPONENTS_GROUPING ONE_PER_GROUP)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_PRIORITY optional)
set(CPACK_DEBIAN_PACKAGE_RELEASE "1")

set(CPACK_DEBIAN_PLUGIN_PACKAGE_NAME mosquitto-hyperchat)
set(CPACK_DEBIAN_PLUGIN_PACKAGE_SECTION net)
set(CPACK_DEBIAN_PLUGIN_PACKAGE_DEPENDS "mosquitto (>= 2.0.11)")
set(CPACK_DEBIAN_PLUGIN_PACKAGE_RECOMMENDS hyperchatctl)
set(CPACK_COMPONENT_PLUGIN_DESCRIPTION "chat server as a plugin of the Mosquitto broker
A plugin that turns an Eclipse Mosquitto broker into a chat server: every MQTT
client can hold conversations that are authenticated, ordered, stored, and
resumed after being offline. It is off until its configuration is enabled.")
set(CPACK_DEBIAN_PLUGIN_PACKAGE_CONTROL_EXTRA "${PROJECT_SOURCE_DIR}/packaging/postinst;${PROJECT_SOURCE_DIR}/packaging/prerm;\
${PROJECT_SOURCE_DIR}/packaging/postrm;${PROJECT_SOURCE_DIR}/packaging/conffiles")
set(CPACK_DEBIAN_PLUGIN_PACKAGE_CONTROL_STRICT_PERMISSION ON)

set(CPACK_DEBIAN_CTL_PACKAGE_NAME hyperchatctl)
set(CPACK_DEBIAN_CTL_PACKAGE_SECTION net)
set(CPACK_COMPONENT_CTL_DESCRIPTION "control program for the HyperChat plugin of Mosquitto
Makes tokens and keys, backs up, restores, checks, repairs and copies stores,
administers a running broker, and says what is wrong with a configuration.")

include(CPack)
