-- A letter filed through the API, before any case refers to it, belongs to an area.
ALTER TABLE letter ADD COLUMN area TEXT;
