# find_package(umbel) from an install tree and from this build tree.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

set(umbel_cmake_dir "${CMAKE_INSTALL_LIBDIR}/cmake/umbel")
configure_package_config_file(.cmake/umbel-config.cmake.in "${PROJECT_BINARY_DIR}/umbel-config.cmake"
  INSTALL_DESTINATION "${umbel_cmake_dir}")
write_basic_package_version_file("${PROJECT_BINARY_DIR}/umbel-config-version.cmake"
  VERSION "${PROJECT_VERSION}" COMPATIBILITY SameMinorVersion ARCH_INDEPENDENT)
set(umbel_package_parts "")
foreach(part IN ITEMS FindAsio FindBoostAsio FindTlExpected compiled switches tls)
  configure_file(.cmake/${part}.cmake "${PROJECT_BINARY_DIR}/${part}.cmake" COPYONLY)
  list(APPEND umbel_package_parts .cmake/${part}.cmake)
endforeach()

install(DIRECTORY include/ DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}" FILES_MATCHING PATTERN "*.hpp")
install(TARGETS umbel_core umbel EXPORT umbel-targets)
install(EXPORT umbel-targets NAMESPACE umbel:: DESTINATION "${umbel_cmake_dir}")
install(FILES "${PROJECT_BINARY_DIR}/umbel-config.cmake" "${PROJECT_BINARY_DIR}/umbel-config-version.cmake"
  ${umbel_package_parts} DESTINATION "${umbel_cmake_dir}")
export(EXPORT umbel-targets NAMESPACE umbel:: FILE "${PROJECT_BINARY_DIR}/umbel-targets.cmake")
