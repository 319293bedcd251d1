# Negative controls on real servers: for each NAME.cmake here a client with that defect, built against a copy of one header that stands before
# the true one, and NAME_test.cpp, which passes when the history checker convicts it.
set(negative_folder "${CMAKE_CURRENT_LIST_DIR}")
file(GLOB defects CONFIGURE_DEPENDS "${negative_folder}/*.cmake")
list(REMOVE_ITEM defects "${negative_folder}/inject.cmake" "${negative_folder}/tests.cmake")
foreach(defect IN LISTS defects)
  get_filename_component(name "${defect}" NAME_WE)
  include("${defect}")
  set(shadow "${CMAKE_CURRENT_BINARY_DIR}/negative/${name}")
  add_custom_command(OUTPUT "${shadow}/${header}"
    COMMAND "${CMAKE_COMMAND}" "-DDEFECT=${defect}" "-DINCLUDE=${PROJECT_SOURCE_DIR}/include" "-DSHADOW=${shadow}" -P "${negative_folder}/inject.cmake"
    DEPENDS "${PROJECT_SOURCE_DIR}/include/${header}" "${defect}" "${negative_folder}/inject.cmake"
    VERBATIM)
  add_executable(negative_${name} "${negative_folder}/${name}_test.cpp" "${shadow}/${header}")
  # Not umbel::own: that has no defect. Asio has none either, and need not be compiled again.
  target_link_libraries(negative_${name} PRIVATE umbel_own_asio Catch2::Catch2WithMain)
  target_include_directories(negative_${name} BEFORE PRIVATE "${shadow}" "${CMAKE_CURRENT_SOURCE_DIR}")
  # The tests' own headers are content with <umbel/client.hpp>; the code behind it is compiled here, with the defect.
  target_compile_options(negative_${name} PRIVATE "SHELL:-include umbel.hpp")
  target_compile_definitions(negative_${name} PRIVATE UMBEL_CLUSTER_SCRIPT="${cluster_script}")
  umbel_own_target(negative_${name})
  foreach(server IN ITEMS redis valkey)
    if(TEST drills/${server}/wire)
      add_test(NAME drills/${server}/negative_${name} COMMAND negative_${name})
      set_tests_properties(drills/${server}/negative_${name} PROPERTIES TIMEOUT 480 ENVIRONMENT "UMBEL_SERVER=${server}-server" ${umbel_waits} COST 250 SKIP_RETURN_CODE 4)
    endif()
  endforeach()
endforeach()
