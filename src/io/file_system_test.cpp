#include "io/file_system.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>

#include "io/memory_file_system.h"

namespace penstock::io {
namespace {

std::span<const std::byte> bytes_of(std::string_view text) { return std::as_bytes(std::span(text)); }

std::string read_text(FileSystem& files, const std::string& path) {
  auto file = files.open(path, OpenMode::read);
  EXPECT_TRUE(file) << file.error().message;
  std::string text((*file)->size().value(), '\0');
  EXPECT_EQ((*file)->read_at(0, std::as_writable_bytes(std::span(text))).value(), text.size());
  return text;
}

// The same behaviour of the system's files and of those in memory.
class AnyFileSystem : public testing::TestWithParam<bool> {
 protected:
  void SetUp() override {
    if (!GetParam()) {
      folder_ = "folder";
      ASSERT_TRUE(memory_.create_directories(folder_));
      return;
    }
    std::string pattern = (std::filesystem::temp_directory_path() / "penstock-io-XXXXXX").string();
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    folder_ = pattern;
  }
  void TearDown() override {
    if (GetParam()) std::filesystem::remove_all(folder_);
  }
  FileSystem& files() { return GetParam() ? posix_file_system() : memory_; }
  std::string path(const std::string& name) { return folder_ + "/" + name; }

  MemoryFileSystem memory_;
  std::string folder_;
};
INSTANTIATE_TEST_SUITE_P(PosixAndMemory, AnyFileSystem, testing::Bool(),
                         [](const auto& suite) { return suite.param ? "Posix" : "Memory"; });

TEST_P(AnyFileSystem, WritesInOneAndTwoPartsReadsAndTruncates) {
  auto file = files().open(path("a"), OpenMode::create).value();
  ASSERT_TRUE(file->write_at(0, bytes_of("hello ")));
  ASSERT_TRUE(file->write_at(6, bytes_of("wor"), bytes_of("ld")));
  ASSERT_TRUE(file->sync());
  EXPECT_EQ(read_text(files(), path("a")), "hello world");
  std::array<std::byte, 20> buffer{};
  EXPECT_EQ(file->read_at(6, buffer).value(), 5U);
  EXPECT_EQ(file->read_at(11, buffer).value(), 0U);
  ASSERT_TRUE(file->truncate(5));
  EXPECT_EQ(file->size().value(), 5U);
  ASSERT_TRUE(file->write_at(7, bytes_of("!")));
  EXPECT_EQ(read_text(files(), path("a")), std::string("hello\0\0!", 8));
}

TEST_P(AnyFileSystem, MakesListsRenamesAndRemoves) {
  ASSERT_TRUE(files().create_directories(path("x/y/z")));
  ASSERT_TRUE(files().create_directories(path("x/y/z")));
  ASSERT_TRUE(files().open(path("b"), OpenMode::create));
  ASSERT_TRUE(files().open(path("a"), OpenMode::create));
  EXPECT_EQ(files().list(folder_).value(), (std::vector<std::string>{"a", "b", "x"}));
  ASSERT_TRUE(files().rename(path("a"), path("b")));
  EXPECT_FALSE(files().exists(path("a")).value());
  ASSERT_TRUE(files().remove(path("b")));
  EXPECT_EQ(files().list(folder_).value(), (std::vector<std::string>{"x"}));
  EXPECT_TRUE(files().sync_directory(folder_));
}

TEST_P(AnyFileSystem, ErrorsNameThePath) {
  const auto missing = files().open(path("missing"), OpenMode::read);
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().kind, ErrorKind::not_found);
  EXPECT_NE(missing.error().message.find(path("missing")), std::string::npos);
  EXPECT_EQ(files().list(path("missing")).error().kind, ErrorKind::not_found);
  EXPECT_EQ(files().open(folder_, OpenMode::read).error().kind, ErrorKind::invalid);
  ASSERT_TRUE(files().open(path("file"), OpenMode::create));
  EXPECT_FALSE(files().create_directories(path("file/folder")));
}

TEST(PosixFileSystem, AFullDiskIsSaidWithThePathAndWhatToDo) {
  auto& files = posix_file_system();
  auto file = files.open("/dev/full", OpenMode::read_write);
  if (!file) GTEST_SKIP() << "there is no /dev/full here";
  const Status status = (*file)->write_at(0, bytes_of("a"), bytes_of("b"));
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().kind, ErrorKind::full);
  EXPECT_NE(status.error().message.find("/dev/full"), std::string::npos);
  EXPECT_NE(status.error().message.find("free space"), std::string::npos);
}

TEST(FileLock, IsHeldByOneProcessAndSaysByWhich) {
  const std::string path =
      (std::filesystem::temp_directory_path() / fmt::format("penstock-lock-{}", ::getpid())).string();
  {
    auto lock = FileLock::acquire(path);
    ASSERT_TRUE(lock) << lock.error().message;
    // flock binds to the open file, so that this process stands for another one.
    const auto second = FileLock::acquire(path);
    ASSERT_FALSE(second);
    EXPECT_EQ(second.error().kind, ErrorKind::closed);
    EXPECT_NE(second.error().message.find(fmt::format("process {}", ::getpid())), std::string::npos)
        << second.error().message;
    FileLock moved = std::move(*lock);
    EXPECT_FALSE(FileLock::acquire(path));
  }
  EXPECT_TRUE(FileLock::acquire(path));
  std::filesystem::remove(path);
}

TEST(MemoryFileSystem, ACrashLosesWhatWasNotSynced) {
  MemoryFileSystem files;
  auto file = files.open("a", OpenMode::create).value();
  ASSERT_TRUE(file->write_at(0, bytes_of("kept")));
  ASSERT_TRUE(file->sync());
  ASSERT_TRUE(files.sync_directory(""));
  ASSERT_TRUE(file->write_at(4, bytes_of(" and lost")));
  auto unnamed = files.open("b", OpenMode::create).value();
  ASSERT_TRUE(unnamed->write_at(0, bytes_of("its name was not synced")));
  ASSERT_TRUE(unnamed->sync());
  ASSERT_TRUE(files.rename("a", "c"));
  files.restart(MemoryFileSystem::Loss::everything, 0);
  EXPECT_EQ(read_text(files, "a"), "kept");
  EXPECT_EQ(files.list("").value(), (std::vector<std::string>{"a"}));
  EXPECT_FALSE(file->write_at(0, bytes_of("stale")));
}

TEST(MemoryFileSystem, ACrashMayTearAWriteAtItsBlocks) {
  bool torn = false;
  for (uint64_t seed = 0; seed < 50; ++seed) {
    MemoryFileSystem files;
    auto file = files.open("a", OpenMode::create).value();
    ASSERT_TRUE(files.sync_directory(""));
    ASSERT_TRUE(file->write_at(0, std::vector<std::byte>(4096, std::byte{1})));
    files.restart(MemoryFileSystem::Loss::some, seed);
    const auto content = files.content("a");
    const auto kept = static_cast<size_t>(std::ranges::count(content, std::byte{1}));
    ASSERT_EQ(kept % MemoryFileSystem::kBlockBytes, 0U);
    torn = torn || (kept > 0 && kept < 4096);
  }
  EXPECT_TRUE(torn);
}

TEST(MemoryFileSystem, StopsAtTheChangeItIsToldAndFailsTheCallItIsTold) {
  MemoryFileSystem files;
  auto file = files.open("a", OpenMode::create).value();
  files.fail_call(2, ErrorKind::full);
  ASSERT_TRUE(file->write_at(0, bytes_of("ab")));
  EXPECT_EQ(file->write_at(2, bytes_of("cd")).error().kind, ErrorKind::full);
  ASSERT_TRUE(file->write_at(2, bytes_of("cd")));
  files.crash_at_change(1, false);
  EXPECT_FALSE(file->sync());
  EXPECT_TRUE(files.crashed());
  EXPECT_FALSE(files.exists("a"));
}

}  // namespace
}  // namespace penstock::io
