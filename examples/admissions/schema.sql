-- The two source tables. Load the CSV files in data/ into them: admit_*.csv into admission, research_*.csv into research.
CREATE TABLE admission (
  student_id integer PRIMARY KEY,
  gre integer,
  toefl integer,
  cpga double precision,
  admit_chance double precision
);
CREATE TABLE research (
  student_id integer PRIMARY KEY,
  rating integer,
  research integer
);
