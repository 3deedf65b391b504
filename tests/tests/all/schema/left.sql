-- What a plan names, and a new target does not get.
CREATE SCHEMA app;
CREATE DOMAIN app.positive AS numeric(10,2) CHECK (VALUE > 0);
CREATE TYPE app.pair AS (a int, b text);
CREATE TYPE app.unused AS ENUM ('x');
CREATE FUNCTION app.twice(int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT $1 * 2';
CREATE TABLE app.a (
  id int GENERATED ALWAYS AS IDENTITY (START WITH 1000 MINVALUE 10 MAXVALUE 5000 CYCLE CACHE 20) PRIMARY KEY,
  p app.positive, q int DEFAULT app.twice(2), r int CHECK (app.twice(r) > 0),
  u int, v int,
  span tsrange,
  EXCLUDE USING gist (span WITH &&),
  CONSTRAINT a_uv UNIQUE (u) INCLUDE (v),
  CONSTRAINT a_def UNIQUE (v) DEFERRABLE,
  CONSTRAINT a_nn UNIQUE NULLS NOT DISTINCT (r)
);
CREATE SEQUENCE app.owned OWNED BY app.a.u;
CREATE TABLE app.b (x int, y int, z int, FOREIGN KEY (x) REFERENCES app.a MATCH FULL, CONSTRAINT noinh CHECK (x > 0) NO INHERIT);
ALTER TABLE app.b ADD CONSTRAINT nv CHECK (y > 5) NOT VALID;
CREATE TABLE app.child (extra int) INHERITS (app.b);
CREATE INDEX b_fn ON app.b (app.twice(x));
CREATE INDEX b_only ON ONLY app.b (y) WITH (fillfactor = 50);
CREATE VIEW app.v AS SELECT * FROM app.a;
CREATE MATERIALIZED VIEW app.mv AS SELECT 1 AS x;
CREATE FUNCTION app.t() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
CREATE TRIGGER trg BEFORE INSERT ON app.b FOR EACH ROW EXECUTE FUNCTION app.t();
CREATE RULE r AS ON DELETE TO app.b DO ALSO NOTHING;
ALTER TABLE app.b ENABLE ROW LEVEL SECURITY;
CREATE POLICY pol ON app.b USING (true);
CREATE STATISTICS app.st ON x, y FROM app.b;
COMMENT ON SCHEMA app IS 'schema comment';
COMMENT ON INDEX app.b_fn IS 'index comment';
COMMENT ON CONSTRAINT nv ON app.b IS 'constraint comment';
COMMENT ON TYPE app.unused IS 'type comment';
COMMENT ON SEQUENCE app.owned IS 'sequence comment';
CREATE TABLE app.part (k int NOT NULL, w int) PARTITION BY LIST (k);
CREATE TABLE app.part_1 PARTITION OF app.part (w DEFAULT 7, CONSTRAINT leaf CHECK (w > 0)) FOR VALUES IN (1);
CREATE INDEX part_1_w ON app.part_1 (w);
ALTER TABLE app.part_1 ADD PRIMARY KEY (w);
COMMENT ON TABLE app.part_1 IS 'leaf comment';
CREATE TABLE app.part_2 PARTITION OF app.part FOR VALUES IN (2);
ALTER TABLE app.part_2 ADD FOREIGN KEY (w) REFERENCES app.a;
ALTER TABLE app.part_2 ALTER w SET NOT NULL;
CREATE TRIGGER leaftrg BEFORE INSERT ON app.part_2 FOR EACH ROW EXECUTE FUNCTION app.t();
CREATE TABLE app.opts (a text) WITH (fillfactor = 70);
ALTER TABLE app.opts ALTER a SET STORAGE EXTERNAL;
GRANT SELECT ON app.opts TO PUBLIC;
