"""The config that goes with the table, as a user would write it."""

CONFIG = """\
# A lost-property office: what is in the picture, is the claim genuine, who handles it, what is it
# worth? `plait describe SECTION CLASS` tells what else can stand here.
data: records.csv
split: split                # a column of train, validation and test

features:
  picture:
    Image:
      encoder: {ImageConv: {width: 32, channels: [16, 32], blocks: 0}}   # small, for small pictures
  note: Text
  sound:
    Audio:
      encoder: {AudioConv: {width: 32, mels: 32, channels: [16, 32], blocks: 0}}
  weight: Number
  age: Number
  material: Category

tasks:
  item: Multiclass          # in the picture
  genuine: Binary           # only picture and note together tell: do they name the same colour?
  bell: Multiclass          # in the sound
  district: Multiclass      # in the note: the street
  desk: Binary              # follows from the district, and is known for few records
  price:
    Regression: {transform: log}

key: record
width: 64
training:
  epochs: 14
  batch_size: 32
"""
