# What a plugin's author gets: headers, a CMake package, and the template to copy.
include(CMakePackageConfigHelpers)

set(TOKPROF_PLUGIN_DIRECTORY ${CMAKE_INSTALL_LIBDIR}/tokprof/plugins)
file(STRINGS ${PROJECT_SOURCE_DIR}/include/tokprof/plugin.h abi REGEX "^#define TP_PLUGIN_ABI ")
string(REGEX REPLACE ".* ([0-9]+)$" "\\1" TOKPROF_PLUGIN_ABI "${abi}")

add_library(tokprof_plugin INTERFACE)
set_target_properties(tokprof_plugin PROPERTIES EXPORT_NAME plugin)
target_compile_features(tokprof_plugin INTERFACE c_std_11)
target_include_directories(tokprof_plugin INTERFACE $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)

set(package ${CMAKE_INSTALL_LIBDIR}/cmake/tokprof)
configure_package_config_file(
  ${PROJECT_SOURCE_DIR}/cmake/tokprofConfig.cmake.in ${PROJECT_BINARY_DIR}/tokprofConfig.cmake
  INSTALL_DESTINATION ${package} PATH_VARS CMAKE_INSTALL_INCLUDEDIR TOKPROF_PLUGIN_DIRECTORY)
write_basic_package_version_file(${PROJECT_BINARY_DIR}/tokprofConfigVersion.cmake
                                 COMPATIBILITY SameMajorVersion ARCH_INDEPENDENT)
install(TARGETS tokprof_plugin EXPORT tokprofTargets)
install(EXPORT tokprofTargets NAMESPACE tokprof:: DESTINATION ${package})
install(FILES ${PROJECT_BINARY_DIR}/tokprofConfig.cmake ${PROJECT_BINARY_DIR}/tokprofConfigVersion.cmake
        DESTINATION ${package})
install(DIRECTORY ${PROJECT_SOURCE_DIR}/include/tokprof DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}
        FILES_MATCHING PATTERN "*.h")
install(DIRECTORY ${PROJECT_SOURCE_DIR}/plugins/template DESTINATION ${CMAKE_INSTALL_DATADIR}/tokprof)
