// Table: rows for people, as wide as the terminal at most. Pure.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace cradle::ctl {

class Table {
 public:
  struct Column {
    std::string head;
    bool may_shrink = false;  // its cells may end in "…" when the row is too wide
  };

  explicit Table(std::vector<Column> columns) : columns_(std::move(columns)) {}
  // As many cells as columns. Control bytes become '?': a name must not move the cursor.
  void Add(std::vector<std::string> row);
  // Lines, each with its end. `width`: columns of the terminal; 0: any width.
  std::string Format(size_t width) const;

 private:
  std::vector<size_t> Widths(size_t limit) const;

  std::vector<Column> columns_;
  std::vector<std::vector<std::string>> rows_;
};

}  // namespace cradle::ctl
