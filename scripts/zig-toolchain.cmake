# Has CMake build with Zig's clang for another platform. scripts/prebuild.mjs says which: ZIG is the
# program, ZIG_TARGET its name for the platform, ZIG_SYSTEM CMake's.
list(APPEND CMAKE_TRY_COMPILE_PLATFORM_VARIABLES ZIG ZIG_TARGET ZIG_SYSTEM)
set(CMAKE_SYSTEM_NAME ${ZIG_SYSTEM})
set(CMAKE_CXX_COMPILER ${ZIG} c++ -target ${ZIG_TARGET})
set(CMAKE_CXX_ARCHIVE_CREATE "${ZIG} ar qcs <TARGET> <OBJECTS>")
set(CMAKE_CXX_ARCHIVE_APPEND "${ZIG} ar qs <TARGET> <OBJECTS>")
set(CMAKE_CXX_ARCHIVE_FINISH "")
set(CMAKE_CXX_FLAGS_RELEASE "-O2 -DNDEBUG" CACHE STRING "")
set(CMAKE_SHARED_LINKER_FLAGS_INIT -s)
# What CMake would find out by linking programs, for which Zig would first build a C++ library.
set(CMAKE_CXX_COMPILER_ID_RUN TRUE)
set(CMAKE_CXX_COMPILER_ID Clang)
set(CMAKE_CXX_COMPILER_VERSION 22)
set(CMAKE_CXX_COMPILER_FRONTEND_VARIANT GNU)
set(CMAKE_CXX_STANDARD_COMPUTED_DEFAULT 17)
set(CMAKE_CXX_COMPILER_WORKS TRUE)
set(CMAKE_TRY_COMPILE_TARGET_TYPE STATIC_LIBRARY)
# Zig brings the libraries and headers of every platform.
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
