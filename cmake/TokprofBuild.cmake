# Functions that the component CMakeLists use: one for settings, one for a BPF object, one for a plugin,
# one for a test.
find_package(PkgConfig REQUIRED)
find_package(ZLIB REQUIRED)
find_package(Threads REQUIRED)
pkg_check_modules(SODIUM REQUIRED IMPORTED_TARGET libsodium)
pkg_check_modules(ZSTD REQUIRED IMPORTED_TARGET libzstd)
pkg_check_modules(XXHASH REQUIRED IMPORTED_TARGET libxxhash)
pkg_check_modules(YAJL REQUIRED IMPORTED_TARGET yajl)
pkg_check_modules(BROTLIDEC REQUIRED IMPORTED_TARGET libbrotlidec)
pkg_check_modules(NGHTTP2 REQUIRED IMPORTED_TARGET libnghttp2)
pkg_check_modules(JEMALLOC IMPORTED_TARGET jemalloc)

# msgpack-c: Debian 12 and Ubuntu 22.04 call it msgpack, Debian 13 and Ubuntu 24.04 msgpack-c.
pkg_search_module(MSGPACK REQUIRED IMPORTED_TARGET msgpack-c msgpack)

set(CMAKE_RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bin)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)

# What every target of ours is compiled with.
add_library(tp_settings INTERFACE)
target_compile_features(tp_settings INTERFACE c_std_11)
target_compile_definitions(tp_settings INTERFACE _GNU_SOURCE TOKPROF_VERSION="${PROJECT_VERSION}")
target_include_directories(tp_settings INTERFACE ${PROJECT_SOURCE_DIR} ${PROJECT_SOURCE_DIR}/include)
target_compile_options(tp_settings INTERFACE
  -Wall -Wextra -Wshadow -Wpointer-arith -Wstrict-prototypes -Wmissing-prototypes -Wvla
  -Wno-missing-field-initializers -fno-strict-aliasing)

# Called after the options are known.
function(tp_settings_apply_options)
  if(TOKPROF_WERROR)
    target_compile_options(tp_settings INTERFACE -Werror)
  endif()
  if(TOKPROF_SANITIZE)
    target_compile_options(tp_settings INTERFACE
      -fsanitize=${TOKPROF_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=undefined)
    target_link_options(tp_settings INTERFACE -fsanitize=${TOKPROF_SANITIZE})
  endif()
  if(TOKPROF_FUZZERS)
    target_compile_options(tp_settings INTERFACE -fsanitize=fuzzer-no-link)
  endif()
endfunction()

# Links jemalloc into a program where it is wanted and there.
function(tp_use_jemalloc target)
  if(TOKPROF_JEMALLOC AND JEMALLOC_FOUND)
    target_link_libraries(${target} PRIVATE PkgConfig::JEMALLOC)
  endif()
endfunction()

# tp_add_plugin(NAME SOURCES...): a built-in plugin; sees include/tokprof alone. Collected in the global
# property TOKPROF_PLUGINS, whose objects tp_link_plugins() adds to a program.
function(tp_add_plugin name)
  add_library(${name} OBJECT ${ARGN})
  target_compile_features(${name} PRIVATE c_std_11)
  target_compile_definitions(${name} PRIVATE _GNU_SOURCE TP_PLUGIN_BUILTIN)
  target_include_directories(${name} PRIVATE ${PROJECT_SOURCE_DIR}/include)
  target_compile_options(${name} PRIVATE $<TARGET_PROPERTY:tp_settings,INTERFACE_COMPILE_OPTIONS>)
  set_property(GLOBAL APPEND PROPERTY TOKPROF_PLUGINS ${name})
endfunction()

function(tp_link_plugins target)
  get_property(plugins GLOBAL PROPERTY TOKPROF_PLUGINS)
  foreach(plugin IN LISTS plugins)
    target_sources(${target} PRIVATE $<TARGET_OBJECTS:${plugin}>)
  endforeach()
endfunction()

# tp_add_bpf_object(NAME SOURCE): compiles SOURCE for BPF and makes NAME.skel.h; link with target
# NAME_skel to get its directory into the include path.
function(tp_add_bpf_object name source)
  set(dir ${CMAKE_CURRENT_BINARY_DIR})
  if(CMAKE_SYSTEM_PROCESSOR MATCHES "aarch64|arm64")
    set(arch arm64)
  else()
    set(arch x86)
  endif()
  file(GLOB_RECURSE headers CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/bpf/*.h)
  add_custom_command(
    OUTPUT ${dir}/${name}.bpf.o
    COMMAND ${TOKPROF_CLANG} -g -O2 -target bpf -D__TARGET_ARCH_${arch} -Wall -Werror
            -I${PROJECT_SOURCE_DIR} -idirafter /usr/include/${CMAKE_C_LIBRARY_ARCHITECTURE}
            -c ${CMAKE_CURRENT_SOURCE_DIR}/${source} -o ${dir}/${name}.bpf.o
    DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/${source} ${headers}
    COMMENT "BPF object ${name}.bpf.o" VERBATIM)
  add_custom_command(
    OUTPUT ${dir}/${name}.skel.h
    COMMAND ${TOKPROF_BPFTOOL} gen skeleton ${dir}/${name}.bpf.o name ${name}_bpf > ${dir}/${name}.skel.h.tmp
    COMMAND ${CMAKE_COMMAND} -E rename ${dir}/${name}.skel.h.tmp ${dir}/${name}.skel.h
    DEPENDS ${dir}/${name}.bpf.o
    COMMENT "BPF skeleton ${name}.skel.h" VERBATIM)
  add_custom_target(${name}_skel_header DEPENDS ${dir}/${name}.skel.h)
  add_library(${name}_skel INTERFACE)
  add_dependencies(${name}_skel ${name}_skel_header)
  target_include_directories(${name}_skel INTERFACE ${dir})
endfunction()

# tp_add_test(NAME SOURCES s... [LIBS l...] [LABELS x...] [TIMEOUT n]): a Criterion test program, run by
# CTest with leak and sanitizer reports sent to a file that fails the run (tests/support/run-test.sh).
function(tp_add_test name)
  cmake_parse_arguments(ARG "" "TIMEOUT" "SOURCES;LIBS;LABELS" ${ARGN})
  add_executable(${name} ${ARG_SOURCES})
  target_link_libraries(${name} PRIVATE tp_settings ${ARG_LIBS} PkgConfig::CRITERION)
  target_compile_definitions(${name} PRIVATE TP_TEST_DATA="${PROJECT_SOURCE_DIR}/tests/data"
                             TP_SOURCE_DIR="${PROJECT_SOURCE_DIR}" TP_BIN_DIR="${CMAKE_BINARY_DIR}/bin")
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
  add_test(NAME ${name} COMMAND ${PROJECT_SOURCE_DIR}/tests/support/run-test.sh $<TARGET_FILE:${name}>)
  if(ARG_TIMEOUT)
    set_tests_properties(${name} PROPERTIES TIMEOUT ${ARG_TIMEOUT})
  else()
    set_tests_properties(${name} PROPERTIES TIMEOUT 120)
  endif()
  if(ARG_LABELS)
    set_tests_properties(${name} PROPERTIES LABELS "${ARG_LABELS}")
  endif()
endfunction()
